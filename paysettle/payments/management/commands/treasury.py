"""`manage.py treasury deposit|withdraw`: money enters or leaves the system by an operator's hand."""

import getpass
import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from paysettle.api.validators import check_key
from paysettle.identity import queries as people
from paysettle.kernel import identifiers
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.errors import DomainError
from paysettle.kernel.lane import lane
from paysettle.kernel.money import AMOUNT_MINOR_MAX, Money, exponent
from paysettle.payments.models import TreasuryDirection
from paysettle.payments.operations import treasury

OPERATOR_LENGTH_MAX = 50


class Command(DatabaseCommand):
    """Prints the answer as JSON; a refusal is a sentence and exit code 1."""

    help = "Let money in for a party, or out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, sentence in (("deposit", "money comes in"), ("withdraw", "money goes out")):
            one = verbs.add_parser(verb, help=sentence)
            one.add_argument("party", help="handle or par_… of the party")
            one.add_argument("amount", help="whole minor units: 1250 is 12.50 EUR")
            one.add_argument("currency", help="ISO 4217, upper case")
            one.add_argument("--reason", required=True, help="why; kept with the booking")
            one.add_argument("--operator", default=getpass.getuser(), help="who does it; by default the system user")
            one.add_argument("--key", default=None, help="the same key books once, however often it is sent")

    def handle(self, *_args: Any, **options: Any) -> None:
        order = _order(options)
        try:
            answer = lane.call(treasury.move_treasury, order)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.detail}") from None
        document = answer.document()
        if not answer.object_id:
            raise CommandError(f"{document['code']}: {document['detail']}")
        self.stdout.write(json.dumps(document, indent=2))


def _order(options: dict[str, Any]) -> treasury.TreasuryOrder:
    party_id = people.find_party(options["party"])
    if party_id is None:
        raise CommandError(f"Nobody is known as {options['party']}.")
    text, currency, reason = options["amount"], options["currency"], options["reason"].strip()
    digits = len(str(AMOUNT_MINOR_MAX))
    if not (text.isascii() and text.isdigit() and len(text) <= digits and 1 <= int(text) <= AMOUNT_MINOR_MAX):
        raise CommandError(f"The amount is a whole number of minor units from 1 to {AMOUNT_MINOR_MAX}, not {text!r}.")
    if exponent(currency) is None:
        raise CommandError(f"The currency is an upper-case ISO 4217 code like EUR, not {currency!r}.")
    operator = options["operator"].strip()
    if not 1 <= len(operator) <= OPERATOR_LENGTH_MAX or not operator.isprintable():
        raise CommandError(f"The operator is 1 to {OPERATOR_LENGTH_MAX} printable characters.")
    if not 1 <= len(reason) <= treasury.REASON_LENGTH_MAX or not reason.isprintable():
        raise CommandError(f"The reason is 1 to {treasury.REASON_LENGTH_MAX} printable characters.")
    try:
        key = check_key(options["key"] if options["key"] is not None else secrets.token_hex(16))
    except DomainError as error:
        raise CommandError(error.detail) from None
    return treasury.order(
        operator=operator,
        direction=TreasuryDirection.DEPOSIT if options["verb"] == "deposit" else TreasuryDirection.WITHDRAWAL,
        party_id=party_id,
        money=Money(int(text), currency),
        reason=reason,
        key=key,
        request_id=identifiers.show("req", identifiers.new()),
    )
