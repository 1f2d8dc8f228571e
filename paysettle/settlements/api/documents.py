"""The shapes of settlements in OpenAPI; `settlements/documents.py` makes the real ones."""

from rest_framework import serializers

from paysettle.api.schemas import MoneyDocument, MoneyOrder, PartyDocument, page_of
from paysettle.settlements.lifecycle import State, Verb
from paysettle.settlements.rules import REASON_LENGTH_MAX


class SettlementOrderDocument(serializers.Serializer[None]):
    """What a creditor asks for."""

    debtor = serializers.CharField(max_length=40, help_text="The handle or the id (`par_…`) of the debtor.")
    amount = MoneyOrder()
    reason = serializers.CharField(max_length=REASON_LENGTH_MAX)


class DecisionDocument(serializers.Serializer[None]):
    """Why; the body may be left out."""

    reason = serializers.CharField(max_length=REASON_LENGTH_MAX, required=False)


class LegDocument(serializers.Serializer[None]):
    """Who owes whom how much."""

    debtor = PartyDocument()
    creditor = PartyDocument()
    amount = MoneyDocument()


class MoveDocument(serializers.Serializer[None]):
    """One step of the history."""

    version = serializers.IntegerField()
    what = serializers.ChoiceField(choices=[v.value for v in Verb])
    party = PartyDocument()
    reason = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class SettlementDocument(serializers.Serializer[None]):
    """A settlement with its history."""

    id = serializers.CharField(help_text="`set_…`")
    state = serializers.ChoiceField(choices=[s.value for s in State])
    version = serializers.IntegerField(help_text="Also in the ETag header.")
    asker = PartyDocument()
    legs = LegDocument(many=True)
    moves = MoveDocument(many=True)
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


SETTLEMENT_ORDER = SettlementOrderDocument
DECISION = DecisionDocument
SETTLEMENT = SettlementDocument
SETTLEMENT_PAGE = page_of(SettlementDocument)
