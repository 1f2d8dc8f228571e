"""What the member of staff who looks at a page may see and do: `identity/roles.py`, asked for a request."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from paysettle.identity import roles
from paysettle.identity.roles import StaffPermission


def may(request: HttpRequest, needed: StaffPermission) -> bool:
    """Tell whether whoever sends a request is staff, in a role that allows this."""
    user = request.user
    return user.is_active and roles.staff_allows(getattr(user, "staff_role", ""), needed)


def require(request: HttpRequest, needed: StaffPermission) -> None:
    """Raise PermissionDenied unless `may`."""
    if not may(request, needed):
        raise PermissionDenied


def sees_people(request: HttpRequest) -> bool:
    """Tell whether the lists of people are for whoever looks; the navigation asks."""
    return may(request, StaffPermission.PEOPLE_READ)


def sees_money(request: HttpRequest) -> bool:
    """Tell whether the lists of money are for whoever looks; the navigation asks."""
    return may(request, StaffPermission.MONEY_READ)


def sees_what_happened(request: HttpRequest) -> bool:
    """Tell whether the event log and the look-ups are for whoever looks; the navigation asks."""
    return may(request, StaffPermission.AUDIT_READ)
