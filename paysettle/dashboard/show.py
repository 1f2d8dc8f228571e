"""How values stand on the staff's pages: public ids, amounts with their currency, times in UTC, links."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers
from paysettle.kernel.money import Money

NONE = "\N{EN DASH}"

_SUBJECTS = {
    "payment": ("pay", "payments_payment"),
    "refund": ("ref", "payments_refund"),
    "settlement": ("set", "settlements_settlement"),
    "treasury_move": ("trs", "payments_treasurymove"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """Related rows under a record: cells are texts, or HTML that is marked safe. `needs` is what it takes to look."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    empty: str = "None."
    needs: StaffPermission = StaffPermission.PEOPLE_READ


@dataclass(frozen=True, slots=True)
class Command:
    """A link to what can be done with a record, and what it takes to do it."""

    title: str
    href: str
    needs: StaffPermission


def public_id(prefix: str, identifier: UUID) -> SafeString:
    """Return a public id."""
    return code(identifiers.show(prefix, identifier))


def code(text: str) -> SafeString:
    """Return a text in the type of code."""
    return format_html('<code class="id">{}</code>', text)


def text(lines: str) -> SafeString:
    """Return a text of several lines in the type of code."""
    return format_html('<pre class="lines">{}</pre>', lines)


def amount(amount_minor: int, currency: str) -> SafeString:
    """Return an amount that can be compared with those above and below it."""
    return format_html('<span class="amount">{}</span>', str(Money(amount_minor, currency)))


def moment(at: datetime | None) -> str:
    """Return a time in UTC, to the second, or a dash for none."""
    if at is None:
        return NONE
    text = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return format_html('<time datetime="{}Z">{}</time>', text.replace(" ", "T"), text)


def state(name: str) -> SafeString:
    """Return a state as a chip."""
    return format_html('<span class="chip chip-{}">{}</span>', name, name.replace("_", " "))


def record(of: Model, text: str) -> SafeString:
    """Return a link to the page of a record."""
    return _link(f"{of._meta.app_label}_{of._meta.model_name}", of.pk, text)


def subject(kind: str, identifier: UUID) -> SafeString:
    """Return a link to what a transfer was booked for, or its kind alone if it has no page here."""
    if kind not in _SUBJECTS:
        return format_html("{}", kind)
    prefix, name = _SUBJECTS[kind]
    return _link(name, identifier, identifiers.show(prefix, identifier))


def _link(name: str, identifier: UUID, text: str) -> SafeString:
    return format_html('<a class="go" href="{}">{}</a>', reverse(f"admin:{name}_change", args=[identifier]), text)
