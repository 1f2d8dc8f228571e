"""Finding and verifying a payee over HTTP. By POST, so that what was asked for stands in no address and in no log."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents
from paysettle.identity.api.invitations import read_email
from paysettle.identity.api.payee_documents import (
    PAYEE,
    PAYEE_SEARCH,
    REFERENCE_LENGTH_MAX,
    VERIFICATION,
    VERIFICATION_ORDER,
)
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import payees
from paysettle.identity.personal import LEGAL_NAME_LENGTH_MAX
from paysettle.identity.roles import Permission


class PayeeFind(APIView):
    """A search for one party."""

    needs = Needs(post=Permission.PAYEE_FIND)

    @extend_schema(
        operation_id="find_payee",
        parameters=[schemas.ACTING_PARTY],
        request=PAYEE_SEARCH,
        responses=schemas.answers(200, PAYEE, 400, 401, 403, 404, 413, 415, 422, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Return the party with exactly this handle, or the person with exactly this e-mail address.

        By e-mail only those are found who allow it. Look-ups are limited for each person, and recorded.
        """
        fields = Fields(body.read_optional(request._request))
        handle = fields.text("handle", longest=REFERENCE_LENGTH_MAX, required=False)
        email = read_email(fields, required=False)
        if bool(handle) == bool(email) and not fields.errors:
            fields.refuse("handle", "one_of_two", "Exactly one of handle and email is expected.")
        fields.check()
        by = caller_of(request)
        found = payees.find_by_handle(by=by, handle=handle) if handle else payees.find_by_email(by=by, email=email)
        return Response(documents.payee(found))


class PayeeVerify(APIView):
    """A comparison of names before one pays."""

    needs = Needs(post=Permission.PAYEE_FIND)

    @extend_schema(
        operation_id="verify_payee",
        parameters=[schemas.ACTING_PARTY],
        request=VERIFICATION_ORDER,
        responses=schemas.answers(200, VERIFICATION, 400, 401, 403, 404, 413, 415, 422, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Compare the name that the payer expects with the payee's, which is never shown. Counted as a look-up."""
        fields = Fields(body.read(request._request))
        payee = fields.text("payee", longest=REFERENCE_LENGTH_MAX)
        name = fields.text("name", longest=LEGAL_NAME_LENGTH_MAX)
        fields.check()
        found, result = payees.verify(by=caller_of(request), payee=payee, name=name)
        return Response(documents.verification(found, result))
