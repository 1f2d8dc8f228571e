"""The staff's site: Django's admin in Unfold's clothes, without what nobody needs here."""

from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from unfold.sites import UnfoldAdminSite

from paysettle.dashboard import pages, sign_in
from paysettle.dashboard.trail import Step, set_trail

_LEFT_OUT = {"password_change", "password_change_done", "autocomplete", "view_on_site"}


class StaffSite(UnfoldAdminSite):  # type: ignore[misc]
    """Everything under `/admin/`: for active staff who have shown a second factor, asked anew with every request."""

    def has_permission(self, request: HttpRequest) -> bool:
        return sign_in.may_enter(request)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return our pages and those of Django that are of use."""
        kept = [entry for entry in super().get_urls() if getattr(entry, "name", None) not in _LEFT_OUT]
        return [
            path("verify/", self.admin_view(require_POST(pages.verify)), name="verify"),
            path("second-factor/", self.second_factor, name="second_factor"),
            path("second-factor/set-up/", self.set_up_second_factor, name="set_up_second_factor"),
            *kept,
        ]

    @method_decorator([never_cache, csrf_protect, require_http_methods(["GET", "HEAD", "POST"])])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return sign_in.page(request, {**self.each_context(request), **(extra_context or {})})

    @method_decorator([never_cache, csrf_protect, require_http_methods(["GET", "HEAD", "POST"])])
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """The second step of signing in."""
        return sign_in.code_page(request, self.each_context(request))

    @method_decorator([never_cache, csrf_protect, require_http_methods(["GET", "HEAD", "POST"])])
    def set_up_second_factor(self, request: HttpRequest) -> HttpResponse:
        """Where staff go who have no second factor yet."""
        return sign_in.set_up_page(request, self.each_context(request))

    @method_decorator([never_cache, csrf_protect, require_POST])
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """End the session of this browser; its LoginSession ends with it."""
        logout(request)
        return redirect("admin:login")

    @method_decorator([never_cache, require_safe])
    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        set_trail(request, Step("Overview"))
        response: HttpResponse = super().index(request, {**pages.overview(request), **(extra_context or {})})
        return response
