"""Another e-mail address for the person who is signed in: asked for, then confirmed on the old one and the new one."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, schemas
from paysettle.api.validators import Fields
from paysettle.identity import mail_throttle
from paysettle.identity.api.documents import ADDRESS_CHANGE, ADDRESS_CONFIRMATION, ADDRESS_ORDER, CODE_LENGTH_MAX
from paysettle.identity.api.invitations import read_email
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import address_changes
from paysettle.kernel import times


class AddressChange(APIView):
    """A change of address."""

    needs = Needs(post=None, fresh=True)

    @extend_schema(
        operation_id="change_address",
        request=ADDRESS_ORDER,
        responses=schemas.answers(202, ADDRESS_CHANGE, 400, 401, 403, 409, 413, 415, 422, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Send one code to the present address and another one to the new one; nothing changes yet.

        Whether the new address belongs to somebody makes no difference to the answer.
        """
        fields = Fields(body.read(request._request))
        email = read_email(fields)
        fields.check()
        mail_throttle.take(request._request, what="address change", email=email)
        waiting = address_changes.ask(by=caller_of(request), email=email)
        return Response({"expires_at": times.show(waiting.expires_at)}, status=202)


class AddressConfirmation(APIView):
    """The end of a change of address."""

    needs = Needs(post=None)

    @extend_schema(
        operation_id="confirm_address",
        request=ADDRESS_CONFIRMATION,
        responses=schemas.answers(204, None, 400, 401, 403, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Bring both codes: the new address takes the place of the old one. Three wrong attempts end the change."""
        fields = Fields(body.read(request._request))
        email = read_email(fields)
        old_code = fields.text("code_from_old", longest=CODE_LENGTH_MAX)
        new_code = fields.text("code_from_new", longest=CODE_LENGTH_MAX)
        fields.check()
        address_changes.confirm(by=caller_of(request), email=email, old_code=old_code, new_code=new_code)
        return Response(status=204)
