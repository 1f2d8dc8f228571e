"""Every page of the staff, and what is done there, as every staff role: what the access table says, and nothing else.

The pages are those of the admin site: one without a row in `docs/access.toml` fails.
"""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from paysettle.dashboard import operations
from paysettle.dashboard.tests.staff import Sights, browser_of, list_url, member, record_url, registered, sights, text
from paysettle.identity import roles
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import parties, people, staff
from paysettle.identity.roles import StaffPermission, StaffRole
from paysettle.kernel.errors import DomainError
from paysettle.ledger import accounts
from paysettle.ledger import queries as ledger
from paysettle.payments.operations import wallets
from tests.people import Person, deposit, person
from tests.permissions.attack import TABLE
from tests.permissions.tables import changes, contents

pytestmark = [pytest.mark.shared, pytest.mark.early]

SIGNING_IN = {"login", "second_factor", "set_up_second_factor"}
"""For anybody; `paysettle/dashboard/tests/test_sign_in.py` tries them."""

SIGN_OUT = 'action="/admin/logout/"'
WITH_A_REASON = {"reason": "a test"}
EVERY_ROLE = pytest.mark.parametrize("role", StaffRole)


@pytest.fixture(scope="module")
def seen() -> Sights:
    return sights()


@pytest.fixture(scope="module")
def browsers() -> dict[StaffRole, Client]:
    return {role: browser_of(member(role.value[:7], role)) for role in StaffRole}


def _names() -> set[str]:
    """Return the names of the pages of the admin site; lists and records go by the name of what they show."""

    def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            elif pattern.name:
                yield pattern.name.removesuffix("_changelist").removesuffix("_change")

    (site,) = [part for part in get_resolver().url_patterns if str(part.pattern) == "admin/"]
    assert isinstance(site, URLResolver)
    return set(walk(site.url_patterns))


def test_every_page_has_a_row() -> None:
    assert _names() == set(TABLE.staff_pages) | SIGNING_IN


@EVERY_ROLE
@pytest.mark.parametrize("model", registered(), ids=lambda model: model._meta.label)
def test_a_list_and_its_records_open_for_whom_they_are(
    browsers: dict[StaffRole, Client], seen: Sights, role: StaffRole, model: type
) -> None:
    record = next(record for record in seen.records if type(record) is model)
    expected = 200 if TABLE.opens(role, f"{record._meta.app_label}_{record._meta.model_name}") else 403
    for url in (list_url(model), record_url(record)):
        answer = browsers[role].get(url)
        assert answer.status_code == expected, url
        assert SIGN_OUT in text(answer) or expected == 403, url


@EVERY_ROLE
def test_the_front_page_and_the_navigation_show_what_is_for_a_role(
    browsers: dict[StaffRole, Client], seen: Sights, role: StaffRole
) -> None:
    del seen
    page = text(browsers[role].get(reverse("admin:index")))
    sees_money = TABLE.opens(role, "payments_payment")
    assert ("Moved between parties" in page) == (reverse("admin:payments_payment_changelist") in page) == sees_money
    assert (reverse("admin:events_event_changelist") in page) == TABLE.opens(role, "events_event")
    assert ("Verify now" in page) == TABLE.opens(role, "verify")
    assert reverse("admin:identity_user_changelist") in page


def test_every_page_shows_how_to_sign_out(browsers: dict[StaffRole, Client]) -> None:
    """Lists and records do above."""
    deeds = [address for address, _ in _deeds(person("ana"), person("ben")).values()]
    answers = [browsers[StaffRole.ADMINISTRATOR].get(url) for url in [reverse("admin:index"), *deeds]]
    pages = [answer for answer in answers if answer.status_code == 200]
    assert len(pages) > 5
    assert all(SIGN_OUT in text(page) for page in pages)


def test_support_sees_no_amount_of_a_person_or_party(browsers: dict[StaffRole, Client], seen: Sights) -> None:
    for url in (record_url(seen.ana.user), record_url(seen.records[1])):
        assert "Wallets" in text(browsers[StaffRole.AUDITOR].get(url))
        assert "Wallets" not in text(browsers[StaffRole.SUPPORT].get(url))


def test_who_somebody_keeps_or_blocks_is_for_those_who_look_into_it(
    browsers: dict[StaffRole, Client], seen: Sights
) -> None:
    for role, sees in ((StaffRole.AUDITOR, True), (StaffRole.FINANCE_OPERATOR, False), (StaffRole.SUPPORT, False)):
        page = text(browsers[role].get(record_url(seen.records[1])))
        assert ("Contacts" in page) == sees, role
        assert "Benny of the canary" not in page


def _deeds(of: Person, ben: Person) -> dict[str, tuple[str, dict[str, str]]]:
    """Return what can be done on the pages: the address and the form."""
    frozen, closed = accounts.wallet(of.party_id, "EUR"), accounts.wallet(of.party_id, "USD")
    return {
        "identity_user_disable": (reverse("admin:identity_user_disable", args=[of.user.id]), WITH_A_REASON),
        "identity_user_enable": (reverse("admin:identity_user_enable", args=[of.user.id]), WITH_A_REASON),
        "identity_user_sign-out": (reverse("admin:identity_user_sign-out", args=[of.user.id]), WITH_A_REASON),
        "identity_party_disable": (reverse("admin:identity_party_disable", args=[of.party_id]), WITH_A_REASON),
        "identity_party_enable": (reverse("admin:identity_party_enable", args=[of.party_id]), WITH_A_REASON),
        "ledger_account_freeze": (reverse("admin:ledger_account_freeze", args=[frozen]), WITH_A_REASON),
        "ledger_account_reopen": (reverse("admin:ledger_account_reopen", args=[frozen]), WITH_A_REASON),
        "ledger_account_close": (reverse("admin:ledger_account_close", args=[closed]), WITH_A_REASON),
        "identity_user_staff_role": (
            reverse("admin:identity_user_staff_role", args=[ben.user.id]),
            {**WITH_A_REASON, "role": "auditor"},
        ),
        "verify": (reverse("admin:verify"), {}),
    }


@EVERY_ROLE
def test_what_a_role_may_not_do_it_is_not_offered_and_does_not_happen(
    browsers: dict[StaffRole, Client], role: StaffRole
) -> None:
    ana, ben = person("ana"), person("ben")
    deeds = _deeds(ana, ben)
    offered = text(browsers[role].get(record_url(ana.user)))
    LoginSession.objects.update(last_seen_at=timezone.now())  # it is written once a minute
    before = contents()
    for name, (url, form) in deeds.items():
        if TABLE.opens(role, name):
            continue
        assert f'href="{url}"' not in offered
        assert browsers[role].post(url, form).status_code == 403, name
        if name != "verify":
            assert browsers[role].get(url).status_code == 403, name
    assert changes(before, contents()) == {}


@EVERY_ROLE
def test_what_a_role_may_do_is_done(browsers: dict[StaffRole, Client], role: StaffRole) -> None:
    """So that the refusals above are for the role alone: the very forms are good ones."""
    for name, (url, form) in _deeds(person("ana"), person("ben")).items():
        if TABLE.opens(role, name):
            assert browsers[role].post(url, form).status_code == 302, name


def test_the_auditor_reads_everything_and_changes_nothing() -> None:
    reads = {permission for permission in StaffPermission if permission.endswith(".read")}
    assert roles.STAFF_TABLE[StaffRole.AUDITOR] == reads


@EVERY_ROLE
def test_operations_ask_for_the_role_themselves(role: StaffRole) -> None:
    """Whichever door an operation is called through: the page is not the only check."""
    by, ana = member(role.value[:7], role).caller, person("ana")
    deposit(ana, 1)
    (wallet,) = ledger.wallets(ana.party_id)
    deeds: dict[StaffPermission, Callable[[], object]] = {
        StaffPermission.PERSON_DISABLE: lambda: people.disable(by=by, user_id=ana.user.id, reason="a test"),
        StaffPermission.PARTY_DISABLE: lambda: parties.disable(by=by, party_id=ana.party_id, reason="a test"),
        StaffPermission.WALLET_FREEZE: lambda: wallets.freeze(by=by, account_id=wallet.account_id, reason="a test"),
        StaffPermission.WALLET_CLOSE: lambda: wallets.close(by=by, account_id=wallet.account_id, reason="a test"),
        StaffPermission.SESSIONS_END: lambda: people.sign_out(by=by, user_id=ana.user.id, reason="a test"),
        StaffPermission.BOOKS_VERIFY: lambda: operations.verify_now(by=by),
        StaffPermission.STAFF_MANAGE: lambda: staff.dismiss(by=by, user_id=ana.user.id, reason="a test"),
    }
    reads = {permission for permission in StaffPermission if permission.endswith(".read")}
    assert set(deeds) == set(StaffPermission) - reads
    for permission, deed in deeds.items():
        if role in TABLE.staff_permissions[permission]:
            assert _refused(deed) == ALLOWED.get(permission), permission
        else:
            assert _refused(deed) == "staff_not_permitted", permission


ALLOWED = {StaffPermission.WALLET_CLOSE: "account_not_empty"}
"""What is refused to those who may: for a reason that comes after the question."""


def _refused(deed: Callable[[], object]) -> str | None:
    try:
        deed()
    except DomainError as refusal:
        return refusal.code
    return None


def test_control_without_the_question_support_sees_money(
    browsers: dict[StaffRole, Client], seen: Sights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "staff_allows", lambda *_: True)
    assert browsers[StaffRole.SUPPORT].get(record_url(seen.records[2])).status_code == 200


def test_control_without_the_question_of_the_operation_the_auditor_disables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("paysettle.identity.operations.recording.need_staff", lambda *_: None)
    by, ana = member("auditor", StaffRole.AUDITOR).caller, person("ana")
    people.disable(by=by, user_id=ana.user.id, reason="a test")
    assert not User.objects.get(id=ana.user.id).is_active
