"""What the staff's search fields understand: a public id, an amount, a handle. Anything else finds nothing.

Ids and handles are looked up by index. Amounts have none, so they are looked for among the rows of the last days.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import iso4217
from django.db.models import Q, QuerySet

from paysettle.dashboard.queries import first_id_since
from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import BadIdentifier
from paysettle.kernel.money import AMOUNT_MINOR_MAX, exponent

AMOUNT_DAYS = 90
PARTIES_MAX = 50
NOTHING = Q(pk__in=[])

_AMOUNT = re.compile(r"(\d{1,16})(?:\.(\d{1,4}))?(?: ([A-Za-z]{3}))?", re.ASCII)
_CODES = sorted(currency.code for currency in iso4217.Currency if exponent(currency.code) is not None)


def by_id(prefix: str, term: str, *columns: str) -> Q | None:
    """Return the condition that one of these columns (`id` if none is named) is this id; None for another text."""
    try:
        identifier = identifiers.parse(prefix, term)
    except BadIdentifier:
        return None
    return _any(columns or ("id",), identifier)


def by_amount(term: str) -> Q:
    """Return the condition that `amount_minor` and `currency` are this amount: `12.50 EUR`, or `12.50` of any."""
    match = _AMOUNT.fullmatch(term)
    if match is None:
        return NOTHING
    whole, fraction, code = match[1], match[2] or "", match[3]
    meant: dict[int, list[str]] = {}
    for currency in [code.upper()] if code else _CODES:
        places = exponent(currency)
        if places is None or len(fraction) > places:
            continue
        amount_minor = int(whole + fraction.ljust(places, "0"))
        if amount_minor <= AMOUNT_MINOR_MAX:
            meant.setdefault(amount_minor, []).append(currency)
    found = NOTHING
    for amount_minor, currencies in meant.items():
        found |= Q(amount_minor=amount_minor, currency__in=currencies)
    since = datetime.now(UTC) - timedelta(days=AMOUNT_DAYS)
    return found & Q(id__gte=first_id_since(since))


def by_party(term: str, *columns: str, parties: "QuerySet[Any]") -> Q:
    """Return the condition that one of these columns names the party with this handle or id.

    If no party has the handle, those whose handles begin with the text are meant.
    """
    wanted = by_id("par", term)
    if wanted is not None:
        named = parties.filter(wanted)
    else:
        named = parties.filter(handle=term.lower())
        if not named.exists():
            named = parties.filter(handle__istartswith=term)
    return _any([f"{column}__in" for column in columns], list(named.values_list("id", flat=True)[:PARTIES_MAX]))


def _any(lookups: Iterable[str], value: Any) -> Q:
    return reduce(or_, (Q(**{lookup: value}) for lookup in lookups))
