"""The page that gives a person a staff role, or none: GET shows the choice, POST with a reason makes it."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from paysettle.dashboard import sign_in
from paysettle.dashboard.permissions import require
from paysettle.dashboard.show import Command
from paysettle.dashboard.standing import StandingAdmin
from paysettle.dashboard.trail import Step, set_trail
from paysettle.identity.authentication import session_caller
from paysettle.identity.operations import staff
from paysettle.identity.operations.recording import REASON_LENGTH_MAX
from paysettle.identity.roles import STAFF_TABLE, StaffPermission, StaffRole
from paysettle.kernel.errors import DomainError

TITLE = "Staff role"


class StaffRoleUnknown(DomainError):
    """The form names a staff role that does not exist."""

    code = "staff_role_unknown"
    status = 422
    title = "Choose one of the staff roles, or none."


class StaffRoleAdmin(StandingAdmin):
    """The page of people, who may become staff."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(self._role_page))
        return [path("<path:object_id>/staff-role/", page, name="identity_user_staff_role"), *super().get_urls()]

    def commands(self, record: Any) -> list[Command]:
        """Return the changes of standing, and that of the staff role."""
        href = reverse("admin:identity_user_staff_role", args=[record.pk])
        return [*super().commands(record), Command(TITLE, href, StaffPermission.STAFF_MANAGE)]

    def _role_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request, StaffPermission.STAFF_MANAGE)
        if (first := sign_in.once_more(request)) is not None:
            return first
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        record_url, name = self.record_url(record), self.label(record)
        chosen, reason, refusal = request.POST.get("role", record.staff_role), request.POST.get("reason", ""), None
        if request.method == "POST":
            try:
                _give(request, record.pk, chosen, reason)
            except DomainError as error:
                refusal = error
            else:
                messages.success(request, f"{name} is {_spoken(chosen)} now." if chosen else f"{name} is no staff now.")
                return redirect(record_url)
        set_trail(request, self.list_step(), Step(name, record_url), Step(TITLE))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{TITLE} of {name}",
            "name": name,
            "roles": [(role.value, _spoken(role), sorted(STAFF_TABLE[role])) for role in StaffRole],
            "chosen": chosen,
            "record_url": record_url,
            "reason": reason,
            "reason_length_max": REASON_LENGTH_MAX,
            "refusal": refusal,
        }
        status = refusal.status if refusal else 200
        return TemplateResponse(request, "dashboard/staff_role.html", context, status=status)


def _give(request: HttpRequest, user_id: Any, role: str, reason: str) -> None:
    caller = session_caller(request)
    if not role:
        staff.dismiss(by=caller, user_id=user_id, reason=reason)
    elif role in set(StaffRole):
        staff.appoint(by=caller, user_id=user_id, role=StaffRole(role), reason=reason)
    else:
        raise StaffRoleUnknown


def _spoken(role: str) -> str:
    return role.replace("_", " ")
