"""Addresses of identity. Signing in is allauth's headless API at the place its documentation names."""

from allauth.headless.constants import Client
from django.http import Http404
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from paysettle.api.methods import readable
from paysettle.api.problems import page_not_found
from paysettle.identity.api.addresses import AddressChange, AddressConfirmation
from paysettle.identity.api.allauth_views import (
    CodeAgainView,
    CodeView,
    MailAgainView,
    PasswordAgainView,
    PasswordChangeView,
    RecoveryCodesView,
    SignInView,
    TotpView,
)
from paysettle.identity.api.api_keys import ApiKeyDetail, ApiKeyRevoke, ApiKeyRotate, ApiKeys
from paysettle.identity.api.closing import AccountClose, OrganisationClose
from paysettle.identity.api.contacts import (
    ContactBlock,
    ContactDetail,
    ContactRemove,
    ContactRename,
    Contacts,
    ContactUnblock,
)
from paysettle.identity.api.invitations import InvitationAccept, InvitationRevoke, Invitations
from paysettle.identity.api.jwks import JwksView
from paysettle.identity.api.limits import ApprovalPolicyView, MemberLimits
from paysettle.identity.api.mailed_codes import VerifyEmailView
from paysettle.identity.api.me import MeView
from paysettle.identity.api.members import HandOver, Leave, MemberRemove, MemberRole, Members
from paysettle.identity.api.organisations import OrganisationDetail, Organisations, RegistrationChange
from paysettle.identity.api.password_reset import RequestPasswordResetView, ResetPasswordView
from paysettle.identity.api.payees import PayeeFind, PayeeVerify
from paysettle.identity.api.profile import ProfileView
from paysettle.identity.api.sessions import OtherSessionsEnd, SessionEnd, SessionName, Sessions
from paysettle.identity.api.sign_in_schema import ABSENT
from paysettle.identity.api.tokens import RefreshView

urlpatterns = [
    # allauth mounts these whatever is configured; we have neither phones nor sign-in by code.
    *(path(f"_allauth/app/v1/{address}", csrf_exempt(page_not_found), {"exception": Http404()}) for address in ABSENT),
    # Before allauth's own, which it replaces.
    path("_allauth/app/v1/auth/login", SignInView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/email/verify", VerifyEmailView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/email/verify/resend", MailAgainView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/password/request", RequestPasswordResetView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/password/reset", ResetPasswordView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/reauthenticate", PasswordAgainView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/2fa/authenticate", CodeView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/auth/2fa/reauthenticate", CodeAgainView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/account/password/change", PasswordChangeView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/account/authenticators/totp", TotpView.as_api_view(client=Client.APP)),
    path("_allauth/app/v1/account/authenticators/recovery-codes", RecoveryCodesView.as_api_view(client=Client.APP)),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/v1/tokens/refresh", RefreshView.as_view(), name="refresh_tokens"),
    path("api/v1/organisations", Organisations.as_view()),
    path("api/v1/organisations/<str:organisation_id>", OrganisationDetail.as_view()),
    path("api/v1/organisations/<str:organisation_id>/registration", RegistrationChange.as_view()),
    path("api/v1/organisations/<str:organisation_id>/close", OrganisationClose.as_view()),
    path("api/v1/organisations/<str:organisation_id>/members", Members.as_view()),
    path("api/v1/organisations/<str:organisation_id>/members/<str:member_id>/role", MemberRole.as_view()),
    path("api/v1/organisations/<str:organisation_id>/members/<str:member_id>/remove", MemberRemove.as_view()),
    path("api/v1/organisations/<str:organisation_id>/members/<str:member_id>/limits", MemberLimits.as_view()),
    path("api/v1/organisations/<str:organisation_id>/approval-policy", ApprovalPolicyView.as_view()),
    path("api/v1/organisations/<str:organisation_id>/leave", Leave.as_view()),
    path("api/v1/organisations/<str:organisation_id>/hand-over", HandOver.as_view()),
    path("api/v1/organisations/<str:organisation_id>/invitations", Invitations.as_view()),
    path(
        "api/v1/organisations/<str:organisation_id>/invitations/<str:invitation_id>/revoke", InvitationRevoke.as_view()
    ),
    path("api/v1/api-keys", ApiKeys.as_view()),
    path("api/v1/api-keys/<str:key_id>", ApiKeyDetail.as_view()),
    path("api/v1/api-keys/<str:key_id>/rotate", ApiKeyRotate.as_view()),
    path("api/v1/api-keys/<str:key_id>/revoke", ApiKeyRevoke.as_view()),
    path("api/v1/invitations/accept", InvitationAccept.as_view()),
    path("api/v1/me/sessions", Sessions.as_view()),
    path("api/v1/me/sessions/end-others", OtherSessionsEnd.as_view()),
    path("api/v1/me/sessions/<str:session_id>/name", SessionName.as_view()),
    path("api/v1/me/sessions/<str:session_id>/end", SessionEnd.as_view()),
    path("api/v1/me/address", AddressChange.as_view()),
    path("api/v1/me/address/confirm", AddressConfirmation.as_view()),
    path("api/v1/payees/find", PayeeFind.as_view()),
    path("api/v1/payees/verify", PayeeVerify.as_view()),
    path("api/v1/contacts", Contacts.as_view()),
    path("api/v1/contacts/<str:contact_id>", ContactDetail.as_view()),
    path("api/v1/contacts/<str:contact_id>/rename", ContactRename.as_view()),
    path("api/v1/contacts/<str:contact_id>/block", ContactBlock.as_view()),
    path("api/v1/contacts/<str:contact_id>/unblock", ContactUnblock.as_view()),
    path("api/v1/contacts/<str:contact_id>/remove", ContactRemove.as_view()),
    path("api/v1/me/close", AccountClose.as_view()),
    path("api/v1/me/profile", ProfileView.as_view()),
    path("api/v1/me", MeView.as_view(), name="me"),
    path(".well-known/jwks.json", readable(JwksView.as_view()), name="jwks"),
]
