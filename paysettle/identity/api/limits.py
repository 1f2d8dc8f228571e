"""What members may send alone, and what an organisation wants approved, over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, schemas
from paysettle.api.preconditions import etag, expected_version
from paysettle.api.schemas import MoneyDocument, MoneyOrder
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.limit_rules import APPROVERS_MAX, RULES_MAX, ApprovalRule
from paysettle.identity.operations import limits
from paysettle.identity.roles import Permission
from paysettle.kernel.errors import FieldError, InvalidRequest
from paysettle.kernel.money import AMOUNT_MINOR_MAX

TIME_ZONE_LENGTH_MAX = 64


class LimitOrderDocument(serializers.Serializer[None]):
    """What a member may send alone in one currency; what is left out has no limit."""

    currency = serializers.CharField(min_length=3, max_length=3, help_text="ISO 4217, upper case")
    per_payment = serializers.IntegerField(
        min_value=0, max_value=AMOUNT_MINOR_MAX, required=False, help_text="In minor units."
    )
    per_day = serializers.IntegerField(
        min_value=0,
        max_value=AMOUNT_MINOR_MAX,
        required=False,
        help_text="In minor units, for a day in the time zone of the approval policy.",
    )


class LimitDocument(serializers.Serializer[None]):
    """What a member may send alone in one currency, and what they have sent on the last day they did."""

    currency = serializers.CharField()
    per_payment = MoneyDocument(allow_null=True, help_text="Null: no limit.")
    per_day = MoneyDocument(allow_null=True, help_text="Null: no limit.")
    spent_on = serializers.DateField(allow_null=True)
    spent = MoneyDocument(help_text="Counted on that day.")


class LimitListDocument(serializers.Serializer[None]):
    """The limits of a member."""

    data = LimitDocument(many=True)  # type: ignore[assignment]  # the field, not the property of serializers


class _RuleOrderDocument(serializers.Serializer[None]):
    approvers = serializers.IntegerField(min_value=1, max_value=APPROVERS_MAX)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        return {"from": MoneyOrder(), **super().get_fields()}


class ApprovalRuleOrderDocument(_RuleOrderDocument):
    """From this amount on, so many distinct people approve, none of them the maker."""


class ApprovalRuleDocument(_RuleOrderDocument):
    """From this amount on, so many distinct people approve, none of them the maker."""

    def get_fields(self) -> dict[str, Any]:
        """Amounts come with their decimal form."""
        return {**super().get_fields(), "from": MoneyDocument()}


class ApprovalPolicyOrderDocument(serializers.Serializer[None]):
    """What an organisation wants approved."""

    time_zone = serializers.CharField(max_length=TIME_ZONE_LENGTH_MAX, help_text="IANA: `Europe/Lisbon`.")
    rules = ApprovalRuleOrderDocument(many=True, help_text=f"Up to {RULES_MAX}; may be empty.")


class ApprovalPolicyDocument(serializers.Serializer[None]):
    """What an organisation wants approved: the most that a rule demands which the amount reaches."""

    time_zone = serializers.CharField(help_text="Where the day of the limits begins; UTC at first.")
    rules = ApprovalRuleDocument(many=True)


class MemberLimits(APIView):
    """What a member may send alone."""

    needs = Needs(get=Permission.ORGANISATION_READ, post=Permission.LIMITS_MANAGE, fresh=True)

    @extend_schema(operation_id="list_member_limits", responses=schemas.answers(200, LimitListDocument, 401, 403, 404))
    def get(self, request: Request, organisation_id: str, member_id: str) -> Response:  # noqa: ARG002
        """Return the limits of a member, one for each currency; a currency that is not there has none."""
        member = queries.member(caller_of(request), schemas.path_id("mem", member_id))
        return Response({"data": [documents.limit(found) for found in queries.limits_of(member)]})

    @extend_schema(
        operation_id="set_member_limit",
        request=LimitOrderDocument,
        responses=schemas.answers(200, LimitDocument, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str, member_id: str) -> Response:  # noqa: ARG002
        """Set what a member may send alone in one currency, from their next payment on.

        What is above it waits for an approver. One's own limit, and that of an owner, is changed by owners alone.
        """
        wanted = schemas.path_id("mem", member_id)
        fields = Fields(body.read(request._request))
        currency = fields.currency("currency")
        per_payment = fields.whole("per_payment", least=0, most=AMOUNT_MINOR_MAX, default=None)
        per_day = fields.whole("per_day", least=0, most=AMOUNT_MINOR_MAX, default=None)
        fields.check()
        limit = limits.set_limit(
            by=caller_of(request),
            member_id=wanted,
            currency=currency,
            per_payment_minor=per_payment,
            per_day_minor=per_day,
        )
        return Response(documents.limit(limit))


class ApprovalPolicyView(APIView):
    """What an organisation wants approved."""

    needs = Needs(get=Permission.ORGANISATION_READ, post=Permission.LIMITS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="get_approval_policy", responses=schemas.answers(200, ApprovalPolicyDocument, 401, 403, 404)
    )
    def get(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002 - the party acted for
        """Return the policy; its ETag is its version."""
        found = queries.approval_policy(caller_of(request))
        return Response(documents.approval_policy(found), headers={"ETag": etag(found.version)})

    @extend_schema(
        operation_id="set_approval_policy",
        parameters=[schemas.if_match(required=True)],
        request=ApprovalPolicyOrderDocument,
        responses=schemas.answers(200, ApprovalPolicyDocument, 400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
    )
    def post(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002
        """Replace the policy as it stood at the version in If-Match; payments that wait already keep theirs.

        Another time zone, which moves the day that limits count by, needs `owners.manage`.
        """
        version = expected_version(request, required=True)
        assert version is not None  # noqa: S101 - it is required
        fields = Fields(body.read(request._request))
        time_zone = fields.text("time_zone", longest=TIME_ZONE_LENGTH_MAX)
        rules = [_rule(n, entry) for n, entry in enumerate(fields.entries("rules", least=0, most=RULES_MAX))]
        fields.check()
        found = limits.set_policy(by=caller_of(request), time_zone=time_zone, rules=rules, expected_version=version)
        return Response(documents.approval_policy(found), headers={"ETag": etag(found.version)})


def _rule(n: int, entry: Any) -> ApprovalRule:
    if not isinstance(entry, dict):
        raise InvalidRequest([FieldError(f"/rules/{n}", "not_an_object", "An object is expected.")])
    fields = Fields(entry, at=f"/rules/{n}")
    money = fields.money("from")
    approvers = fields.whole("approvers", least=1, most=APPROVERS_MAX, default=None)
    if "approvers" not in entry:
        fields.refuse("approvers", "required", "This field is required.")
    fields.check()
    return ApprovalRule(money.currency, money.amount_minor, approvers or 1)
