"""Sealed texts: open by our keys, for their purpose, and only as they were."""

import pytest
from django.test import override_settings

from paysettle.kernel import encryption
from paysettle.kernel.encryption import CannotOpen, seal, unseal

pytestmark = pytest.mark.once

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


def test_what_was_sealed_opens_and_does_not_show() -> None:
    sealed = seal("a secret, äöü", purpose="tests")
    assert unseal(sealed, purpose="tests") == "a secret, äöü"
    assert "secret" not in sealed
    assert seal("a secret, äöü", purpose="tests") != sealed, "equal texts do not look equal"


def test_it_opens_for_its_purpose_alone() -> None:
    with pytest.raises(CannotOpen):
        unseal(seal("a secret", purpose="tests"), purpose="something else")


def test_whatever_was_changed_does_not_open() -> None:
    sealed = seal("a secret", purpose="tests")
    for n in range(len(sealed)):
        changed = sealed[:n] + ("A" if sealed[n] != "A" else "B") + sealed[n + 1 :]
        with pytest.raises(CannotOpen):
            unseal(changed, purpose="tests")


@pytest.mark.parametrize(
    "text", ["", "a secret", "sealed1", "sealed1.x", "sealed1..", "sealed1.00000000.AAAA", "ä.ä.ä"]
)
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen):
        unseal(text, purpose="tests")


def test_keys_rotate() -> None:
    derived = seal("by SECRET_KEY", purpose="tests")
    with override_settings(ENCRYPTION_KEYS=(OLD,)):
        old = seal("by the old one", purpose="tests")
        assert unseal(derived, purpose="tests") == "by SECRET_KEY"
    with override_settings(ENCRYPTION_KEYS=(NEW, OLD)):
        new = seal("by the new one", purpose="tests")
        assert unseal(old, purpose="tests") == "by the old one"
        assert [encryption.is_under_first_key(one) for one in (new, old, derived)] == [True, False, False]
    with override_settings(ENCRYPTION_KEYS=(NEW,)), pytest.raises(CannotOpen):
        unseal(old, purpose="tests")
    with override_settings(SECRET_KEY="another key entirely"), pytest.raises(CannotOpen):
        unseal(derived, purpose="tests")
