"""People and parties.

A **User** is a person who signs in. A **Party** can pay, owe and be paid: a person or an organisation. A User acts for
one or several parties through a **Membership**, in the role that it gives (`roles.py`). A **LoginSession** is one
sign-in on one device; its public id is the `sid` of the tokens given to it.
"""

from paysettle.identity.models.admin_actions import AdminAction, AdminVerb
from paysettle.identity.models.contacts import Contact, LookUp, LookUpKind
from paysettle.identity.models.credentials import (
    AddressChange,
    ApiKey,
    LoginSession,
    RefreshToken,
    SessionEnd,
    VerifiedAddress,
)
from paysettle.identity.models.organisations import (
    ApprovalPolicy,
    Invitation,
    InvitationState,
    MemberLimit,
    Membership,
    Organisation,
)
from paysettle.identity.models.parties import Party, PartyKind, PartyState, Profile, User

__all__ = [
    "AddressChange",
    "AdminAction",
    "AdminVerb",
    "ApiKey",
    "ApprovalPolicy",
    "Contact",
    "Invitation",
    "InvitationState",
    "LoginSession",
    "LookUp",
    "LookUpKind",
    "MemberLimit",
    "Membership",
    "Organisation",
    "Party",
    "PartyKind",
    "PartyState",
    "Profile",
    "RefreshToken",
    "SessionEnd",
    "User",
    "VerifiedAddress",
]
