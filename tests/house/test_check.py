"""Format, lint, types, import contracts, migrations and documents: what `make check` runs, a test each."""

import pytest

from scripts import check

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", check.CHECKS)
def test_it_is_clean(name: str) -> None:
    result = check.run(name)
    assert result.returncode == 0, result.stdout + result.stderr
