"""Codes and seeds: from a source that nobody can foretell, long enough, and good for their own request alone."""

import math
import random
import secrets
from collections.abc import Callable

import pytest
from allauth.account.adapter import get_adapter
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

from paysettle.identity import api_keys, one_time_codes
from paysettle.identity.operations import address_changes
from paysettle.identity.tests.app_client import AUTH, App, code_mailed_to
from paysettle.identity.tests.people import person
from paysettle.kernel import identifiers
from tests.codes import give_second_factor

BITS_LEAST = 20
LETTERS_LEAST = 20
"""What codes in mails are made of: letters and digits that nobody takes for each other."""

MADE: dict[str, Callable[[], object]] = {
    "secret of a second factor": one_time_codes.new_secret,
    "seed of recovery codes": RecoveryCodes.generate_seed,
    "code of a sign-up": lambda: get_adapter().generate_email_verification_code(),
    "code of a reset": lambda: get_adapter().generate_password_reset_code(),
    "code of a change of address": address_changes._new_code,
    "secret of an API key": lambda: api_keys.new_secret(identifiers.SYSTEM),
}


def _same_after_the_same_seed(make: Callable[[], object]) -> bool:
    made = []
    for _ in range(2):
        random.seed(1)
        made.append(make())
    return made[0] == made[1]


@pytest.mark.parametrize("what", MADE)
def test_no_code_or_seed_comes_from_a_source_that_can_be_foretold(what: str) -> None:
    assert not _same_after_the_same_seed(MADE[what])


def test_control_a_source_that_can_be_foretold_is_noticed() -> None:
    assert _same_after_the_same_seed(lambda: random.randrange(10**8))


def test_codes_and_seeds_are_long_enough() -> None:
    for code in give_second_factor(person("ana").user):
        assert code.isdigit()
        assert len(code) * math.log2(10) >= BITS_LEAST
    for what in ("code of a sign-up", "code of a reset", "code of a change of address"):
        letters = str(MADE[what]()).replace("-", "")
        assert len(letters) * math.log2(LETTERS_LEAST) >= BITS_LEAST, what
    assert len(one_time_codes.new_secret()) * math.log2(32) >= 160, "RFC 4226, section 4: 160 bits"


def _reset_asked_for(email: str) -> tuple[App, str]:
    app = App()
    assert app.call("POST", f"{AUTH}/auth/password/request", {"email": email}).status == 401
    code = code_mailed_to(email)
    assert code is not None
    return app, code


def _reset(app: App, code: str) -> int:
    new = {"key": code, "password": "another horse battery staple"}
    return app.call("POST", f"{AUTH}/auth/password/reset", new).status


def test_the_code_of_one_request_is_no_code_of_another() -> None:
    """The control is the last line of each half: where it belongs the code is good."""
    ana, ben = person("ana"), person("ben")
    (anas, hers), (bens, his) = _reset_asked_for(ana.email), _reset_asked_for(ben.email)
    assert (_reset(anas, his), _reset(bens, hers)) == (400, 400)
    assert _reset(anas, hers) == 401  # done: now she signs in
    asked = []
    for _ in range(2):
        app, handle = App(), f"nina-{secrets.token_hex(4)}"
        app.sign_up(handle, f"{handle}@example.org")
        asked.append((app, code_mailed_to(f"{handle}@example.org") or ""))
    (first, own), (_, other) = asked
    assert first.verify(other).status == 400
    assert first.verify(own).status == 200
