"""Signing in as staff, with user name and password. One sentence answers every failure, so that none tells why."""

from typing import Any

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from paysettle.api import peer
from paysettle.identity import browser_sessions, sign_in_attempts
from paysettle.identity.queries import is_handle
from paysettle.kernel.errors import DomainError

PASSWORD_LENGTH_MAX = 256


class SignInRefused(DomainError):
    """User name and password do not belong to a member of staff who may sign in."""

    code = "sign_in_refused"
    status = 403
    title = "This user name and password do not open the staff's pages."


@sensitive_post_parameters("password")
def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the form, or sign in and go where the visitor wanted to go; `context` is the site's."""
    target = _target(request)
    if request.method != "POST":
        if _is_staff(request.user):
            return redirect(target)
        return _form(request, context, target)
    name = request.POST.get("username", "")
    try:
        _sign_in(request, name=name, password=request.POST.get("password", ""))
    except DomainError as refusal:
        response = _form(request, context, target, name=name, refusal=refusal)
        if "retry_after_s" in refusal.members:
            response.headers["Retry-After"] = str(refusal.members["retry_after_s"])
        return response
    return redirect(target)


@sensitive_variables("password")
def _sign_in(request: HttpRequest, *, name: str, password: str) -> None:
    """Begin the session. Raises Throttled, SignInRefused, PersonDisabled."""
    account = name.strip().lower()
    address = peer.address_of(request)
    slots = sign_in_attempts.take(address=address, username=account)
    # Handles are plain ASCII: no second spelling is the same account to the database and another one to the limit.
    well_formed = is_handle(account) and len(password) <= PASSWORD_LENGTH_MAX
    user = auth.authenticate(request, username=account, password=password) if well_formed else None
    if user is None or not _is_staff(user):
        raise SignInRefused
    sign_in_attempts.succeeded(slots, address=address, user_id=user.pk)
    auth.login(request, user)
    try:
        browser_sessions.ensure(request)
    except DomainError:
        auth.logout(request)
        raise


def _is_staff(user: Any) -> bool:
    return bool(user.is_active and user.is_staff)


def _target(request: HttpRequest) -> str:
    """Return where to go afterwards: a page of this site, whatever the address says."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    own = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if own else reverse("admin:index")


def _form(
    request: HttpRequest, context: dict[str, Any], target: str, *, name: str = "", refusal: DomainError | None = None
) -> HttpResponse:
    signed_in = request.user.get_username() if request.user.is_authenticated else ""
    return TemplateResponse(
        request,
        "dashboard/sign_in.html",
        {**context, "title": "Sign in", "target": target, "name": name, "refusal": refusal, "signed_in": signed_in},
        status=refusal.status if refusal else 200,
    )
