"""The pages that disable and enable a person or a party, sign a person out, or freeze, reopen and close a wallet.

GET says what will happen, POST with a reason does it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from paysettle.dashboard import sign_in
from paysettle.dashboard.permissions import require
from paysettle.dashboard.read_only import ReadOnlyAdmin
from paysettle.dashboard.show import Command
from paysettle.dashboard.trail import Step, set_trail
from paysettle.identity.authentication import session_caller
from paysettle.identity.caller import Caller
from paysettle.identity.operations import parties, people
from paysettle.identity.operations.recording import REASON_LENGTH_MAX
from paysettle.identity.roles import StaffPermission
from paysettle.kernel.errors import DomainError
from paysettle.payments.operations import wallets

Act = Callable[[Caller, UUID, str], None]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of standing: what the button says, what it takes, what will happen, and the operation that does it.

    `leaves_active` is what the record is afterwards; None for what can be done at any time.
    """

    verb: str
    needs: StaffPermission
    title: str
    done: str
    sentences: tuple[str, ...]
    leaves_active: bool | None
    act: Act


PERSON = (
    Change(
        "disable",
        StaffPermission.PERSON_DISABLE,
        "Disable",
        "disabled",
        (
            "All their sessions end at once: the next request of every browser and app is refused.",
            "They cannot sign in until they are enabled again.",
            "Their parties, their money and their history stay as they are.",
        ),
        leaves_active=False,
        act=lambda by, id_, reason: people.disable(by=by, user_id=id_, reason=reason),
    ),
    Change(
        "enable",
        StaffPermission.PERSON_DISABLE,
        "Enable",
        "enabled",
        ("They can sign in again.", "Sessions that have ended stay ended."),
        leaves_active=True,
        act=lambda by, id_, reason: people.enable(by=by, user_id=id_, reason=reason),
    ),
    Change(
        "sign-out",
        StaffPermission.SESSIONS_END,
        "Sign out",
        "signed out",
        (
            "All their sessions end at once: the next request of every browser and app is refused.",
            "They can sign in again at once.",
        ),
        leaves_active=None,
        act=lambda by, id_, reason: people.sign_out(by=by, user_id=id_, reason=reason),
    ),
)
PARTY = (
    Change(
        "disable",
        StaffPermission.PARTY_DISABLE,
        "Disable",
        "disabled",
        (
            "From the next request on it can neither pay nor be paid, nor approve a settlement.",
            "Its people may still sign in and act for their other parties.",
            "Its money and its history stay as they are.",
        ),
        leaves_active=False,
        act=lambda by, id_, reason: parties.disable(by=by, party_id=id_, reason=reason),
    ),
    Change(
        "enable",
        StaffPermission.PARTY_DISABLE,
        "Enable",
        "enabled",
        ("It can pay and be paid again.",),
        leaves_active=True,
        act=lambda by, id_, reason: parties.enable(by=by, party_id=id_, reason=reason),
    ),
)
WALLET = (
    Change(
        "freeze",
        StaffPermission.WALLET_FREEZE,
        "Freeze",
        "frozen",
        (
            "From now on nothing moves its money: no payment in or out, no refund, no capture.",
            "Its money and its history stay as they are; what is on hold may still go back.",
        ),
        leaves_active=False,
        act=lambda by, id_, reason: wallets.freeze(by=by, account_id=id_, reason=reason),
    ),
    Change(
        "reopen",
        StaffPermission.WALLET_FREEZE,
        "Reopen",
        "reopened",
        ("Its money can move again.",),
        leaves_active=True,
        act=lambda by, id_, reason: wallets.reopen(by=by, account_id=id_, reason=reason),
    ),
    Change(
        "close",
        StaffPermission.WALLET_CLOSE,
        "Close",
        "closed",
        (
            "It is closed for good; it must be empty.",
            "What is on hold for it in the wallets of others cannot be captured any more.",
            "Its history stays as it is.",
        ),
        leaves_active=None,
        act=lambda by, id_, reason: wallets.close(by=by, account_id=id_, reason=reason),
    ),
)


class StandingAdmin(ReadOnlyAdmin):
    """A page of records that can be disabled and enabled, on pages of their own beside it."""

    changes: tuple[Change, ...] = ()

    def is_active(self, record: Any) -> bool:
        """Tell whether a record is enabled now."""
        raise NotImplementedError

    def is_over(self, record: Any) -> bool:  # noqa: ARG002
        """Tell whether a record was closed for good: then nothing of it can be changed."""
        return False

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{change.verb}/",
                self.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(partial(self._page, change))),
                name=self._page_name(change),
            )
            for change in self.changes
        ]
        return [*own, *super().get_urls()]

    def commands(self, record: Any) -> list[Command]:
        """Return the changes that are possible now."""
        if self.is_over(record):
            return []
        return [
            Command(change.title, reverse(f"admin:{self._page_name(change)}", args=[record.pk]), change.needs)
            for change in self.changes
            if change.leaves_active != self.is_active(record)
        ]

    def _page(self, change: Change, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request, change.needs)
        if (first := sign_in.once_more(request)) is not None:
            return first
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        record_url, name = self.record_url(record), self.label(record)
        refusal = None
        if request.method == "POST":
            try:
                change.act(session_caller(request), record.pk, request.POST.get("reason", ""))
            except DomainError as error:
                refusal = error
            else:
                messages.success(request, f"{name} is {change.done}.")
                return redirect(record_url)
        set_trail(request, self.list_step(), Step(name, record_url), Step(change.title))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{change.title} {name}",
            "change": change,
            "already": self.is_active(record) == change.leaves_active,
            "name": name,
            "record_url": record_url,
            "reason": request.POST.get("reason", ""),
            "reason_length_max": REASON_LENGTH_MAX,
            "refusal": refusal,
        }
        status = refusal.status if refusal else 200
        return TemplateResponse(request, "dashboard/standing.html", context, status=status)

    def _page_name(self, change: Change) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{change.verb}"
