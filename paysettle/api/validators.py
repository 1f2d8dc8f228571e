"""Reading fields out of a body: each reader returns a value or notes what is wrong with it, with a pointer.

fields = Fields(body)
payee = fields.text("payee", longest=40)
amount = fields.money("amount")
fields.check()          # raises InvalidRequest if anything was noted, unknown fields included
"""

import unicodedata
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from django.http import HttpRequest

from paysettle.api.body import Body, Number, escape
from paysettle.kernel.errors import DomainError, FieldError, InvalidRequest
from paysettle.kernel.money import AMOUNT_MINOR_MAX, Money, exponent

T = TypeVar("T")

KEY_LENGTH_MAX = 255
_JOINERS = "\u200c\u200d"
_KEY = "HTTP_IDEMPOTENCY_KEY"


class IdempotencyKeyMissing(DomainError):
    """A request that moves or promises money has no key."""

    code = "idempotency_key_missing"
    status = HTTPStatus.BAD_REQUEST
    title = "The header Idempotency-Key is missing: every request that moves or promises money needs one."


class IdempotencyKeyInvalid(DomainError):
    """The key is empty, too long, or not printable ASCII."""

    code = "idempotency_key_invalid"
    status = HTTPStatus.BAD_REQUEST
    title = f"An idempotency key is 1 to {KEY_LENGTH_MAX} printable ASCII characters."


def idempotency_key(request: HttpRequest) -> str:
    """Return the key of a request; raise IdempotencyKeyMissing or IdempotencyKeyInvalid."""
    key = request.META.get(_KEY)
    if key is None:
        raise IdempotencyKeyMissing
    return check_key(key)


def check_key(key: str) -> str:
    """Return a key that is well-formed; raise IdempotencyKeyInvalid for another."""
    if not (1 <= len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalid
    return key


def normal_form(text: str) -> str:
    """Return a text as it is stored and looked for: in NFC, without blanks around it."""
    return unicodedata.normalize("NFC", text).strip()


def is_readable(text: str) -> bool:
    """Tell whether a text has none of the characters that order or hide others."""
    # What Python calls printable has none of them, and no letter is looked at by itself.
    return text.isprintable() or not any(map(_is_control, text))


def _is_control(letter: str) -> bool:
    """Tell whether a character orders or hides others, or is none at all.

    The two joiners are let through: Persian words and emoji of several parts are written with them.
    """
    if letter.isascii():
        return not letter.isprintable()
    is_noncharacter = ord(letter) & 0xFFFE == 0xFFFE or "\ufdd0" <= letter <= "\ufdef"
    return is_noncharacter or (letter not in _JOINERS and unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"})


class Fields:
    """The fields of one object in a body, read one by one."""

    def __init__(self, body: Body, *, at: str = "") -> None:
        self._body = body
        self._at = at
        self._read: set[str] = set()
        self.errors: list[FieldError] = []

    def text(self, name: str, *, longest: int, required: bool = True) -> str:
        """Return a text in NFC without control characters, `longest` characters at most; "" if it is optional."""
        value = self._take(name, required=required)
        if value is None:
            return ""
        if not isinstance(value, str) or isinstance(value, Number):
            return self._note(name, "not_a_text", "A text is expected.", "")
        normal = normal_form(value)
        if required and not normal:
            return self._note(name, "empty", "This must not be empty.", "")
        if len(normal) > longest:
            return self._note(name, "too_long", f"At most {longest} characters are allowed.", "")
        if not is_readable(normal):
            return self._note(name, "not_printable", "Control and formatting characters are not allowed.", "")
        return normal

    def money(self, name: str) -> Money:
        """Return a money object `{"amount": minor units, "currency": "EUR"}` with a positive amount."""
        value = self._take(name, required=True)
        if value is None:
            return Money(0, "")
        if not isinstance(value, dict):
            message = 'An object like {"amount": 1250, "currency": "EUR"} is expected.'
            return self._note(name, "not_an_object", message, Money(0, ""))
        inner = Fields(value, at=f"{self._at}/{name}")
        amount_minor = inner._amount("amount")
        currency = inner.currency("currency")
        inner._note_unknown()
        self.errors += inner.errors
        return Money(amount_minor, currency)

    def money_or_none(self, name: str) -> Money | None:
        """Return a money object, or None when the field is left out."""
        return self.money(name) if name in self._body else None

    def currency(self, name: str) -> str:
        """Return an upper-case ISO 4217 code; "" when it is wrong."""
        value = self._take(name, required=True)
        if value is None:
            return ""
        if not isinstance(value, str) or exponent(value) is None:
            return self._note(name, "unknown_currency", "An upper-case ISO 4217 code like EUR is expected.", "")
        return value

    def whole(self, name: str, *, least: int, most: int, default: int | None) -> int | None:
        """Return a whole number between two bounds, both included; the default when the field is left out."""
        value = self._take(name, required=False)
        if value is None:
            return default
        if type(value) is not int or not least <= value <= most:
            return self._note(name, "not_in_range", f"A whole number from {least} to {most} is expected.", default)
        return value

    def choice(self, name: str, choices: Sequence[str], *, default: str = "") -> str:
        """Return one of some words, to the letter; the default when the field is left out, "" if it is required."""
        value = self._take(name, required=not default)
        if value is None:
            return default
        if value not in choices:
            return self._note(name, "not_a_choice", f"One of {', '.join(choices)} is expected.", default)
        return str(value)

    def flag(self, name: str) -> bool:
        """Return true or false; false when the field is left out."""
        value = self._take(name, required=False)
        if value is None or isinstance(value, bool):
            return bool(value)
        return self._note(name, "not_a_flag", "true or false is expected.", False)  # noqa: FBT003

    def labels(self, name: str, *, most: int, bytes_most: int) -> dict[str, str]:
        """Return an object of short texts, `most` of them, `bytes_most` bytes in all; {} when it is left out."""
        value = self._take(name, required=False)
        if value is None:
            return {}
        if not isinstance(value, dict):
            return self._note(name, "not_an_object", "An object of texts is expected.", {})
        if len(value) > most:
            return self._note(name, "too_many", f"At most {most} entries are allowed.", {})
        if sum(len(part.encode()) for item in value.items() for part in item if isinstance(part, str)) > bytes_most:
            return self._note(name, "too_long", f"At most {bytes_most} bytes are allowed.", {})
        inner = Fields(value, at=f"{self._at}/{escape(name)}")
        found = {key: inner.text(key, longest=bytes_most) for key in sorted(value)}
        if not all(key and key.isprintable() for key in value):
            self.refuse(name, "not_printable", "Names are printable and not empty.")
        self.errors += inner.errors
        return found

    def entries(self, name: str, *, most: int, least: int = 1, required: bool = True) -> list[Any]:
        """Return a list of `least` to `most` entries, whatever they are; [] if it is optional and left out."""
        value = self._take(name, required=required)
        if value is None:
            return []
        if not isinstance(value, list):
            return self._note(name, "not_a_list", "A list is expected.", [])
        if not least <= len(value) <= most:
            return self._note(name, "not_in_range", f"{least} to {most} entries are expected.", [])
        return value

    def check(self) -> None:
        """Raise InvalidRequest if anything is wrong, fields that nobody read included."""
        self._note_unknown()
        if self.errors:
            raise InvalidRequest(self.errors)

    def refuse(self, name: str, code: str, message: str) -> None:
        """Note a fault that only the caller of the readers can see."""
        self.errors.append(FieldError(f"{self._at}/{escape(name)}", code, message))

    def _amount(self, name: str) -> int:
        value = self._take(name, required=True)
        if value is None:
            return 0
        if isinstance(value, Number):
            return self._note(name, "not_whole", "A whole number of minor units is expected.", 0)
        if type(value) is not int:
            return self._note(name, "not_a_number", "A whole number of minor units is expected.", 0)
        if value <= 0:
            return self._note(name, "not_positive", "The amount must be positive.", 0)
        if value > AMOUNT_MINOR_MAX:
            return self._note(name, "too_large", f"At most {AMOUNT_MINOR_MAX} minor units are allowed.", 0)
        return value

    def _take(self, name: str, *, required: bool) -> Any:
        self._read.add(name)
        value = self._body.get(name)
        if value is None and (required or name in self._body):
            self.refuse(name, "required", "This field is required." if required else "This must not be null.")
        return value

    def _note(self, name: str, code: str, message: str, instead: T) -> T:
        self.refuse(name, code, message)
        return instead

    def _note_unknown(self) -> None:
        for name in sorted(self._body.keys() - self._read):
            self.refuse(name, "unknown_field", "There is no such field.")
