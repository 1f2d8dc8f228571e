"""Step-up: what is sensitive needs a session that has shown not long ago who is there."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from paysettle.events.models import Event
from paysettle.identity import step_up
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import invitations
from paysettle.identity.roles import Role
from paysettle.identity.standing import Standing
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App
from paysettle.identity.tests.people import Person
from paysettle.identity.tests.people import person as somebody
from paysettle.kernel import identifiers
from tests.codes import code_for, code_of, give_second_factor
from tests.companies import Company, company
from tests.http import InProcess
from tests.people import deposit, person
from tests.settle import ask

pytestmark = pytest.mark.money  # it stands before money, too

ROOT = Path(__file__).resolve().parents[3]


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


def requests_of(firm: Company) -> dict[str, tuple[str, Any]]:
    """Return a request to each operation that is sensitive, which would succeed in a fresh session."""
    joined = firm.join(person("mia"), Role.PAYER)
    member = identifiers.show("mem", firm.member(joined).id)
    invited = invitations.make(by=firm.acted_for_by(firm.owner).caller, email=joined.email, role=Role.VIEWER)
    return {
        "change_address": ("/api/v1/me/address", {"email": "new@example.org"}),
        "invite_member": (f"{firm.path}/invitations", {"email": "x@example.org", "role": "payer"}),
        "revoke_invitation": (f"{firm.path}/invitations/{identifiers.show('inv', invited.id)}/revoke", None),
        "change_member_role": (f"{firm.path}/members/{member}/role", {"role": "viewer"}),
        "hand_over_organisation": (f"{firm.path}/hand-over", {"member": member}),
        "remove_member": (f"{firm.path}/members/{member}/remove", None),
    }


def marked() -> set[str]:
    """Return the operations that OpenAPI marks."""
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    return {one["operationId"] for one in operations if isinstance(one, dict) and one.get("x-step-up")}


def test_every_marked_operation_refuses_a_stale_session_and_does_nothing() -> None:
    firm = company(person("olga"))
    wanted = requests_of(firm)
    assert marked() == wanted.keys(), "what is tried here is what OpenAPI says"
    grow_stale(firm.owner.session)
    before = Event.objects.count()
    for path, body in wanted.values():
        reply = InProcess(firm.owner).post(path, body)
        assert (reply.status, reply.document["code"]) == (403, "step_up_required")
    assert Event.objects.count() == before
    assert InProcess(firm.owner).get(f"{firm.path}/members").status == 200, "looking needs none"


def test_control_without_the_question_they_all_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nobody looks at the time. It also shows that each request above would do something."""
    firm = company(person("olga"))
    wanted = requests_of(firm)
    grow_stale(firm.owner.session)
    monkeypatch.setattr(step_up, "is_fresh", lambda _authenticated_at, _now: True)
    for name, (path, body) in wanted.items():
        if name == "remove_member":  # the owner has become an admin, who does not remove an owner
            assert InProcess(firm.owner).post(path, body).document["code"] == "not_permitted"
        else:
            assert InProcess(firm.owner).post(path, body).status in {200, 201, 202, 204}, name


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
    assert app.session_token is not None


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


# --- Large payments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/payments", "/api/v1/payment-batches"])
def test_a_large_payment_needs_it_and_may_be_sent_again_afterwards(path: str) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    grow_stale(ana.session)

    def pay(amount_minor: int, key: str) -> Any:
        order = {"payee": ben.handle, "amount": {"amount": amount_minor, "currency": "EUR"}}
        body = order if path.endswith("payments") else {"items": [{**order, "key": f"item {key}"}]}
        return InProcess(ana).post(path, body, key=key)

    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        assert pay(999, "small").status in {200, 201}
        refused = pay(1000, "large")
        assert (refused.status, refused.document["code"]) == (403, "step_up_required")
        LoginSession.objects.filter(id=ana.session.id).update(authenticated_at=timezone.now())
        assert pay(1000, "large").status in {200, 201}, "the refusal was not stored"
        grow_stale(ana.session)
        assert pay(1000, "large").status in {200, 201}, "what was paid is answered again"
    assert pay(1000, "off").status in {200, 201}, "by default no payment needs it"


def test_control_without_the_question_a_stale_session_pays_any_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the batch does not look at the time."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    grow_stale(ana.session)
    monkeypatch.setattr(Standing, "check_fresh", lambda _standing, _caller, _now: None)
    order = {"payee": ben.handle, "amount": {"amount": 1000, "currency": "EUR"}}
    with override_settings(STEP_UP_PAYMENT_MINOR=1000):
        assert InProcess(ana).post("/api/v1/payments", order).status == 201


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
