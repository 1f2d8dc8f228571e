"""Step-up: what is sensitive needs a session that has shown not long ago who is there."""

import secrets
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from paysettle.events.models import Event
from paysettle.identity import session_keys, step_up
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import invitations, sessions
from paysettle.identity.roles import Permission, Role
from paysettle.identity.standing import Standing
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, at_once
from paysettle.identity.tests.people import Person
from paysettle.identity.tests.people import person as somebody
from paysettle.kernel import identifiers
from tests import openapi
from tests.approvals import limit
from tests.codes import code_for, code_of, give_second_factor
from tests.companies import Company, company
from tests.http import InProcess
from tests.machines import new_key
from tests.people import deposit, pay, person
from tests.plugin import ALL
from tests.server import Reply
from tests.settle import ask

pytestmark = pytest.mark.shared(*ALL)  # it stands before money, too


def grow_stale(session: LoginSession) -> None:
    """Let a session have shown for the last time who is there when it was just long enough ago."""
    earlier = timezone.now() - timedelta(seconds=settings.STEP_UP_MAX_AGE_S + 1)
    LoginSession.objects.filter(id=session.id).update(authenticated_at=earlier)


def stale_device(who: Person) -> App:
    app = App()
    assert app.sign_in(username=who.handle).status == 200
    grow_stale(LoginSession.objects.filter(user=who.user).latest("created_at"))
    return app


# --- Our operations ----------------------------------------------------------------------------------------------


Request = tuple[str, Any, dict[str, str]]


def requests_of(firm: Company) -> dict[str, Request]:
    """Return a request of its owner to each operation that is sensitive, which would succeed in a fresh session."""
    firm.join(person("oscar"), Role.OWNER)  # so that nobody is the last one
    joined = firm.join(person("mia"), Role.PAYER)
    owner = firm.acted_for_by(firm.owner)
    member = identifiers.show("mem", firm.member(joined).id)
    invited = invitations.make(by=owner.caller, email=joined.email, role=Role.VIEWER)
    key = identifiers.show("key", new_key(owner, [Permission.PAY]).key.id)
    policy = f"{firm.path}/approval-policy"
    another = identifiers.show("ses", sessions.begin(firm.owner.user, secrets.token_hex(16)).id)
    acting = {"Acting-Party": firm.id}
    return {
        "change_address": ("/api/v1/me/address", {"email": "new@example.org"}, {}),
        "invite_member": (f"{firm.path}/invitations", {"email": "x@example.org", "role": "payer"}, {}),
        "revoke_invitation": (f"{firm.path}/invitations/{identifiers.show('inv', invited.id)}/revoke", None, {}),
        "change_member_role": (f"{firm.path}/members/{member}/role", {"role": "viewer"}, {}),
        "hand_over_organisation": (f"{firm.path}/hand-over", {"member": member}, {}),
        "leave_organisation": (f"{firm.path}/leave", None, {}),
        "remove_member": (f"{firm.path}/members/{member}/remove", None, {}),
        "set_member_limit": (f"{firm.path}/members/{member}/limits", {"currency": "EUR", "per_day": 1}, {}),
        "set_approval_policy": (policy, {"time_zone": "UTC", "rules": []}, {"If-Match": _etag(firm, policy)}),
        "create_api_key": ("/api/v1/api-keys", {"name": "a machine", "scopes": ["pay"]}, acting),
        "rotate_api_key": (f"/api/v1/api-keys/{key}/rotate", {}, acting),
        "revoke_api_key": (f"/api/v1/api-keys/{key}/revoke", None, acting),
        "change_registration": (f"{firm.path}/registration", {"legal_name": "Another", "country": "PT"}, {}),
        "change_profile": ("/api/v1/me/profile", {"name": "Somebody Else"}, {}),
        "end_session": (f"/api/v1/me/sessions/{another}/end", None, {}),
        "end_other_sessions": ("/api/v1/me/sessions/end-others", None, {}),
        "close_organisation": (f"{firm.path}/close", None, {}),
        "close_account": ("/api/v1/me/close", None, {}),
    }


def _etag(firm: Company, path: str) -> str:
    return InProcess(firm.owner).get(path).headers["ETag"]


def _send(firm: Company, request: Request) -> Reply:
    path, body, headers = request
    return InProcess(firm.owner).post(path, body, **headers)


ALWAYS = True


def marked(mark: object, *, by_allauth: bool = False) -> set[str]:
    """Return the operations that OpenAPI marks with this; ours, or those of signing in."""
    operations = [one for path in openapi.DOCUMENT["paths"].values() for one in path.values() if isinstance(one, dict)]
    found = [one for one in operations if one.get("x-step-up") == mark]
    return {one["operationId"] for one in found if ("signing in" in one["tags"]) == by_allauth}


def test_every_marked_operation_refuses_a_stale_session_and_does_nothing() -> None:
    firm = company(person("olga"))
    wanted = requests_of(firm)
    assert marked(ALWAYS) == wanted.keys(), "what is tried here is what OpenAPI says"
    grow_stale(firm.owner.session)
    before = Event.objects.count()
    for request in wanted.values():
        reply = _send(firm, request)
        assert (reply.status, reply.document["code"]) == (403, "step_up_required")
    assert Event.objects.count() == before
    assert InProcess(firm.owner).get(f"{firm.path}/members").status == 200, "looking needs none"


@pytest.mark.parametrize("name", sorted(marked(ALWAYS)))
def test_control_without_the_question_it_succeeds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nobody looks at the time. It also shows that the request would do something."""
    firm = company(person("olga"))
    wanted = requests_of(firm)
    grow_stale(firm.owner.session)
    monkeypatch.setattr(step_up, "is_fresh", lambda _authenticated_at, _now: True)
    reply = _send(firm, wanted[name])
    assert reply.status in {200, 201, 202, 204}, reply.text


def test_whoever_may_not_do_it_at_all_is_not_asked_to_step_up() -> None:
    firm, eve = company(person("olga")), person("eve")
    grow_stale(eve.session)
    assert InProcess(eve).post(f"{firm.path}/invitations", {"email": "x@example.org", "role": "payer"}).status == 404


# --- allauth's operations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("POST", "account/password/change", {"current_password": PASSWORD, "new_password": "another horse battery"}),
        ("POST", "account/password/change", {"current_password": "a wrong one", "new_password": "another horse bat"}),
        ("DELETE", "account/authenticators/totp", None),
        ("POST", "account/authenticators/recovery-codes", None),
        ("GET", "account/authenticators/recovery-codes", None),
    ],
)
def test_a_stale_session_is_told_how_to_step_up(method: str, address: str, body: Any) -> None:
    ana = somebody("ana")
    app = stale_device(ana)
    codes = give_second_factor(ana.user)
    hash_before = User.objects.get(id=ana.user.id).password
    answer = app.call(method, f"{AUTH}/{address}", body)
    assert answer.status == 401
    assert {flow["id"] for flow in answer.json["data"]["flows"]} >= {"reauthenticate", "mfa_reauthenticate"}
    assert User.objects.get(id=ana.user.id).password == hash_before
    assert app.show_code_again(codes[0]).status == 200, "the second factor is as it was"


def test_a_stale_session_sets_up_no_second_factor() -> None:
    app = stale_device(somebody("ana"))
    secret = app.call("GET", f"{AUTH}/account/authenticators/totp").json["meta"]["secret"]
    body = {"code": code_for(secret)}
    assert app.call("POST", f"{AUTH}/account/authenticators/totp", body).status == 401
    assert app.show_password_again().status == 200
    assert app.call("POST", f"{AUTH}/account/authenticators/totp", body).status == 200


def invite(app: App, firm: Company) -> Answer:
    body = {"email": "x@example.org", "role": "viewer"}
    return app.call("POST", f"{firm.path}/invitations", body, Authorization=f"Bearer {app.access_token}")


@pytest.fixture
def owner() -> tuple[App, Company, User]:
    """Somebody with a company, a second factor, and a stale session."""
    olga = person("olga")
    firm = company(olga)
    app = App()
    app.sign_in(username=olga.handle)
    give_second_factor(olga.user)
    grow_stale(LoginSession.objects.filter(user=olga.user).latest("created_at"))
    assert invite(app, firm).code == "step_up_required"
    return app, firm, olga.user


@pytest.mark.parametrize("by", ["password", "code"])
def test_showing_once_more_who_is_there(owner: tuple[App, Company, User], by: str) -> None:
    app, firm, user = owner
    key = app.session_token
    answer = app.show_password_again() if by == "password" else app.show_code_again(code_of(user))
    assert answer.status == 200
    assert invite(app, firm).status == 201, "by the same access token"
    assert app.session_token not in {None, key}, "the session has another key"
    assert app.refresh().status == 200
    outsider = App()
    outsider.session_token = key
    assert outsider.call("GET", f"{AUTH}/auth/session").status == 410, "and the old one opens nothing"


def test_with_the_access_token_alone(owner: tuple[App, Company, User]) -> None:
    app, firm, _ = owner
    app.session_token = None
    bearer = {"Authorization": f"Bearer {app.access_token}"}
    assert app.call("POST", f"{AUTH}/auth/reauthenticate", {"password": PASSWORD}, **bearer).status == 200
    assert invite(app, firm).status == 201
    assert app.session_token is None, "no key of the session for whoever has not brought it"
    assert app.refresh().status == 200


def test_what_is_wrong_steps_nobody_up(owner: tuple[App, Company, User]) -> None:
    app, firm, user = owner
    assert app.show_password_again("a wrong password").status == 400
    assert app.show_code_again("000000").status == 400
    code = code_of(user)
    assert app.show_code_again(code).status == 200
    grow_stale(LoginSession.objects.filter(user=user).latest("created_at"))
    assert app.show_code_again(code).code == "incorrect_code", "a code is good for once"
    assert invite(app, firm).code == "step_up_required"


def test_one_device_steps_up_for_itself_alone(owner: tuple[App, Company, User]) -> None:
    app, firm, user = owner
    other = App()
    other.sign_in(username=user.username)
    other.enter_code(code_of(user))
    assert invite(other, firm).status == 201
    assert invite(app, firm).code == "step_up_required"


def test_openapi_marks_what_is_tried_here() -> None:
    assert marked(ALWAYS, by_allauth=True) == {
        "change_password",
        "activate_totp",
        "deactivate_totp",
        "list_recovery_codes",
        "regenerate_recovery_codes",
    }
    large = {"create_payment", "create_payment_batch", "approve_payment", "refund_payment", "approve_settlement"}
    assert marked("large amounts") == large


# --- Large payments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/payments", "/api/v1/payment-batches"])
def test_a_large_payment_needs_it_and_may_be_sent_again_afterwards(path: str) -> None:
    large_minor = 1_000_000
    ana, ben = person("ana"), person("ben")
    deposit(ana, 4 * large_minor)
    grow_stale(ana.session)

    def pay(amount_minor: int, key: str) -> Any:
        order = {"payee": ben.handle, "amount": {"amount": amount_minor, "currency": "EUR"}}
        body = order if path.endswith("payments") else {"items": [{**order, "key": f"item {key}"}]}
        return InProcess(ana).post(path, body, key=key)

    assert pay(large_minor - 1, "small").status in {200, 201}
    refused = pay(large_minor, "large")
    assert (refused.status, refused.document["code"]) == (403, "step_up_required")
    LoginSession.objects.filter(id=ana.session.id).update(authenticated_at=timezone.now())
    assert pay(large_minor, "large").status in {200, 201}, "the refusal was not stored"
    grow_stale(ana.session)
    assert pay(large_minor, "large").status in {200, 201}, "what was paid is answered again"
    with override_settings(STEP_UP_PAYMENT_MINOR=0):
        assert pay(large_minor, "off").status in {200, 201}, "then no payment needs it"


def test_control_without_the_question_a_stale_session_pays_any_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the batch does not look at the time."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    grow_stale(ana.session)
    monkeypatch.setattr(Standing, "check_fresh", lambda _standing, _caller, _now: None)
    order = {"payee": ben.handle, "amount": {"amount": 1000, "currency": "EUR"}}
    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        assert InProcess(ana).post("/api/v1/payments", order).status == 201


@pytest.mark.parametrize("split", [False, True])
def test_a_batch_is_as_large_as_what_its_orders_add_up_to(split: bool) -> None:  # noqa: FBT001 - a parameter
    """The control is that of the payment."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    grow_stale(ana.session)
    client = InProcess(ana)

    def pay(*amounts_minor: int, currency: str = "EUR") -> Any:
        orders = [{"key": f"{n} of {amounts_minor}", "payee": ben.handle} for n in range(len(amounts_minor))]
        if split:
            body: Any = {"amount": {"amount": sum(amounts_minor), "currency": currency}}
            body["items"] = [{**order, "weight": 1} for order in orders]
        else:
            parts = [{"amount": {"amount": part, "currency": currency}} for part in amounts_minor]
            body = {"items": [order | part for order, part in zip(orders, parts, strict=True)]}
        return client.post("/api/v1/payment-batches", body)

    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        assert pay(500, 499).document["state"] == "done"
        refused = pay(500, 500)
        assert (refused.status, refused.document["code"]) == (403, "step_up_required")
        LoginSession.objects.filter(id=ana.session.id).update(authenticated_at=timezone.now())
        assert pay(500, 500).document["succeeded"] == 2


def test_approving_a_large_payment_of_somebody_else_needs_it_and_rejecting_does_not() -> None:
    """The control is that of the payment."""
    firm, ben, mia = company(person("olga")), person("ben"), person("mia")
    payer = firm.join(mia, Role.PAYER)
    deposit(payer, 10_000)
    limit(firm, mia, per_payment=0)
    grow_stale(firm.owner.session)
    owner = InProcess(firm.acted_for_by(firm.owner))
    waits = [f"/api/v1/payments/{pay(payer, ben, 1000).document()['id']}" for _ in range(2)]
    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        assert owner.post(f"{waits[0]}/approve").document["code"] == "step_up_required"
        assert owner.post(f"{waits[1]}/reject").status == 200
        LoginSession.objects.filter(id=firm.owner.session.id).update(authenticated_at=timezone.now())
        assert owner.post(f"{waits[0]}/approve").document["state"] == "completed"


def test_a_large_refund_needs_it() -> None:
    """The control is that of the payment."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    refunds = f"/api/v1/payments/{pay(ana, ben, 2000).document()['id']}/refunds"
    grow_stale(ben.session)
    client = InProcess(ben)
    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        assert client.post(refunds, {"amount": {"amount": 999, "currency": "EUR"}}).status == 201
        assert client.post(refunds).document["code"] == "step_up_required"
        LoginSession.objects.filter(id=ben.session.id).update(authenticated_at=timezone.now())
        assert client.post(refunds).status == 201


def test_approving_a_large_settlement_needs_it_and_rejecting_does_not() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 10_000)
    grow_stale(ben.session)
    asked = [ask(ana, ben, amount).document()["id"] for amount in (999, 1000, 1000)]
    if_match = {"If-Match": '"1"'}
    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        small, large, unwanted = (f"/api/v1/settlements/{one}" for one in asked)
        assert InProcess(ben).post(f"{small}/approve", **if_match).status == 200
        assert InProcess(ben).post(f"{large}/approve", **if_match).document["code"] == "step_up_required"
        assert InProcess(ben).post(f"{unwanted}/reject", {"reason": "no"}, **if_match).status == 200
        LoginSession.objects.filter(id=ben.session.id).update(authenticated_at=timezone.now())
        assert InProcess(ben).post(f"{large}/approve", **if_match).status == 200


def two_step_ups_at_once(who: Person, monkeypatch: pytest.MonkeyPatch) -> tuple[App, list[tuple[Answer, App]]]:
    """Show the password twice at once in one session, so that neither has another key when both have been let in."""
    met = threading.Barrier(2)
    renew = sessions.renew

    def together(*, session_id: UUID, second_factor: bool) -> None:
        met.wait(timeout=20)
        renew(session_id=session_id, second_factor=second_factor)

    phone = App()
    assert phone.sign_in(username=who.handle).status == 200
    monkeypatch.setattr(sessions, "renew", together)

    def once() -> tuple[Answer, App]:
        twin = App()
        twin.session_token = phone.session_token
        return twin.show_password_again(), twin

    return phone, sorted(at_once(once, once), key=lambda one: one[0].status)


def test_of_two_step_ups_at_once_one_has_the_session_and_its_end_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    phone, ((done, kept), (refused, _)) = two_step_ups_at_once(somebody("ana"), monkeypatch)
    assert (done.status, refused.status) == (200, 401)
    assert phone.me().status == 200
    kept.sign_out()
    assert phone.me().code == "session_ended"


def test_control_unless_it_is_asked_whose_the_session_is_it_goes_on_under_two_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted bug, which was one: both have a key of their own, and who signs out by the wrong one is still in."""
    follow_key = sessions.follow_key
    monkeypatch.setattr(sessions, "follow_key", lambda **keys: follow_key(**keys) or True)
    ana = somebody("ana")
    phone, made = two_step_ups_at_once(ana, monkeypatch)
    assert [answer.status for answer, _ in made] == [200, 200]
    session = LoginSession.objects.filter(user=ana.user).latest("created_at")
    right = bytes(session.django_session)
    (wrong,) = [twin for _, twin in made if session_keys.digest(str(twin.session_token)) != right]
    wrong.sign_out()
    assert phone.me().status == 200
