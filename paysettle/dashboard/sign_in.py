"""Signing in as staff: user name and password, then a code. One sentence answers every failure, so that none tells why.

Between the two steps nobody is signed in: the browser's session remembers for five minutes whose password was right.
After a change of that password the first step has to be taken again. Who has no second factor yet signs in by the
password alone and can do nothing but set one up.
"""

from datetime import UTC, datetime
from typing import Any, cast

from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.totp.internal import auth as totp
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from paysettle.api import peer, throttling
from paysettle.identity import browser_sessions, pending_sign_in, queries, sign_in_attempts
from paysettle.identity.handles import is_handle
from paysettle.identity.operations import second_factors
from paysettle.kernel import throttles
from paysettle.kernel.errors import DomainError

PASSWORD_LENGTH_MAX = 256
CODE_LENGTH_MAX = 20

BETWEEN_STEPS_S = 300

_PENDING = "dashboard.sign_in"
_BACKEND = "paysettle.identity.backends.PasswordBackend"


class SignInRefused(DomainError):
    """User name and password do not belong to a member of staff who may sign in."""

    code = "sign_in_refused"
    status = 403
    title = "This user name and password do not open the staff's pages."


def may_enter(request: HttpRequest) -> bool:
    """Tell whether a request comes from staff in a live session that has shown a second factor; asked once."""
    known = getattr(request, "may_enter_as_staff", None)
    if known is None:
        session = browser_sessions.live(request) if _is_staff(request.user) else None
        known = session is not None and session.second_factor_at is not None
        request.may_enter_as_staff = known  # type: ignore[attr-defined]
    return bool(known)


@sensitive_post_parameters("password")
def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the form of the first step, or take it; `context` is the site's."""
    target = _target(request)
    if request.method != "POST":
        if may_enter(request):
            return redirect(target)
        if _can_set_up(request):
            return _go("admin:set_up_second_factor", target)
        return _form(request, context, target)
    name = request.POST.get("username", "")
    try:
        user = _check_password(request, name=name, password=request.POST.get("password", ""))
        if queries.has_second_factor(user):
            _remember(request, user)
            return _go("admin:second_factor", target)
        _enter(request, user, second_factor=False)
    except DomainError as refusal:
        return _refused(_form(request, context, target, name=name, refusal=refusal), refusal)
    return _go("admin:set_up_second_factor", target)


@sensitive_post_parameters("code")
def code_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the form of the second step, or take it and go where the visitor wanted to go.

    Whoever has entered already shows by it once more who is there.
    """
    target = _target(request)
    again = may_enter(request)
    user = cast("Any", request.user) if again else _remembered(request)
    if user is None:
        return _go("admin:login", target)
    shown = {**context, "title": "Second factor", "target": target}
    if request.method == "POST":
        try:
            counted_for = browser_sessions.require(request).id if again else user.pk
            with throttles.counted_if_wrong(throttling.WRONG_CODE, str(counted_for)):
                second_factors.spend(by=user, code=_code(request))
            if again:
                browser_sessions.renew(request, second_factor=True)
            else:
                _enter(request, user, second_factor=True)
        except DomainError as refusal:
            answer = TemplateResponse(
                request, "dashboard/second_factor.html", {**shown, "refusal": refusal}, status=refusal.status
            )
            return _refused(answer, refusal)
        return redirect(target)
    return TemplateResponse(request, "dashboard/second_factor.html", shown)


def once_more(request: HttpRequest) -> HttpResponse | None:
    """Return where to go first for what staff may change only soon after they have shown who is there."""
    return None if browser_sessions.is_fresh(request) else _go("admin:second_factor", request.path)


@sensitive_post_parameters("code")
@sensitive_variables("secret", "codes")
def set_up_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the secret of a new second factor, or take its first code and show the recovery codes, this once."""
    target = _target(request)
    if not _can_set_up(request):
        return _go("admin:login", target)
    user = cast("Any", request.user)
    secret = totp.get_totp_secret(regenerate=request.method != "POST")
    shown = {**context, "title": "Set up a second factor", "target": target, "codes": None, "refusal": None}
    if request.method == "POST":
        try:
            session_id = browser_sessions.require(request).id
            shown["codes"] = second_factors.add(by=user, secret=secret, code=_code(request), session_id=session_id)
            totp.clear_totp_secret(request)
            browser_sessions.renew(request, second_factor=True)
            return TemplateResponse(request, "dashboard/set_up_second_factor.html", shown)
        except DomainError as refusal:
            shown["refusal"] = refusal
    url = get_mfa_adapter().build_totp_url(user, secret)
    shown |= {"secret": secret, "url": url, "qr": get_mfa_adapter().build_totp_svg(url).partition("?>")[2]}
    refused = shown["refusal"]
    answer = TemplateResponse(
        request, "dashboard/set_up_second_factor.html", shown, status=refused.status if refused else 200
    )
    return _refused(answer, refused) if refused else answer


@sensitive_variables("password")
def _check_password(request: HttpRequest, *, name: str, password: str) -> Any:
    """Return the member of staff. Raises Throttled, SignInRefused."""
    account = name.strip().lower()
    address = peer.address_of(request)
    slots = sign_in_attempts.take(address=address, username=account)
    # Handles are plain ASCII: no second spelling is the same account to the database and another one to the limit.
    well_formed = is_handle(account) and len(password) <= PASSWORD_LENGTH_MAX
    user = auth.authenticate(request, username=account, password=password) if well_formed else None
    if user is None or not _is_staff(user):
        raise SignInRefused
    sign_in_attempts.succeeded(slots, address=address, user_id=user.pk)
    return user


def _remember(request: HttpRequest, user: Any) -> None:
    """Keep in mind whose password was right, in a session that nobody has planted and that is nobody's yet."""
    request.session.flush()
    pending_sign_in.keep(request.session, user)
    request.session[_PENDING] = {"user": str(user.pk), "at_s": int(datetime.now(UTC).timestamp())}


def _remembered(request: HttpRequest) -> Any:
    """Return the member of staff whose password was right not long ago and is still theirs, or None."""
    pending = request.session.get(_PENDING)
    if pending is None or datetime.now(UTC).timestamp() - pending["at_s"] > BETWEEN_STEPS_S:
        return None
    user = auth.get_user_model().objects.filter(pk=pending["user"]).first()
    if user is None or not _is_staff(user):
        return None
    if not pending_sign_in.is_of_password(request.session, user):
        request.session.flush()
        return None
    return user


def _enter(request: HttpRequest, user: Any, *, second_factor: bool) -> None:
    """Begin the session, in place of any that this browser had. Raises what `sessions.begin` raises."""
    request.session.flush()
    auth.login(request, user, backend=_BACKEND)
    try:
        browser_sessions.begin(request, second_factor=second_factor)
    except DomainError:
        auth.logout(request)
        raise


def _can_set_up(request: HttpRequest) -> bool:
    """Tell whether a request comes from staff without a second factor, who signed in by the password just now."""
    user = cast("Any", request.user)
    if not _is_staff(user) or browser_sessions.live(request) is None or not browser_sessions.is_fresh(request):
        return False
    return not queries.has_second_factor(user)


def _is_staff(user: Any) -> bool:
    return bool(user.is_active and user.is_staff)


def _code(request: HttpRequest) -> str:
    return request.POST.get("code", "")[:CODE_LENGTH_MAX]


def _target(request: HttpRequest) -> str:
    """Return where to go afterwards: a page of this site, whatever the address says."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    own = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if own else reverse("admin:index")


def _go(step: str, target: str) -> HttpResponse:
    return redirect(f"{reverse(step)}?{urlencode({'next': target})}")


def _refused(response: HttpResponse, refusal: DomainError) -> HttpResponse:
    if "retry_after_s" in refusal.members:
        response.headers["Retry-After"] = str(refusal.members["retry_after_s"])
    return response


def _form(
    request: HttpRequest, context: dict[str, Any], target: str, *, name: str = "", refusal: DomainError | None = None
) -> HttpResponse:
    not_staff = request.user.is_authenticated and not _is_staff(request.user)
    signed_in = request.user.get_username() if not_staff else ""
    return TemplateResponse(
        request,
        "dashboard/sign_in.html",
        {**context, "title": "Sign in", "target": target, "name": name, "refusal": refusal, "signed_in": signed_in},
        status=refusal.status if refusal else 200,
    )
