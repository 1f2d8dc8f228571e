"""Two commands of Django's that would go past our rules are there to say what to do instead."""

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("name", "instead"), [("changepassword", "by a code"), ("createsuperuser", "create_admin")])
@pytest.mark.parametrize("named", [[], ["ana"]])
def test_they_refuse_and_say_what_to_do(name: str, instead: str, named: list[str]) -> None:
    with pytest.raises(CommandError, match=instead):
        call_command(name, *named)
