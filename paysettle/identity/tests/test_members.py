"""Members of an organisation: their roles, how they go, and that somebody leads it always."""

from collections.abc import Callable

import pytest

from paysettle.events.models import Event
from paysettle.identity import roles
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership
from paysettle.identity.operations import members, people
from paysettle.identity.operations.members import HandOverToOneself, LastOwner
from paysettle.identity.roles import Permission, Role
from paysettle.identity.standing import NotPermitted, NotYourParty
from paysettle.identity.tests.app_client import at_once
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.identifiers import SYSTEM
from tests.companies import Company, company, send
from tests.people import Person, person
from tests.plugin import KIND

pytestmark = pytest.mark.shared

OPERATOR = Caller(party_id=SYSTEM, operator="tests")


def firm_with(**named: Role) -> tuple[Company, dict[str, Person]]:
    """Make a company with an owner, olga, and these members; all act for it."""
    olga = person("olga")
    firm = company(olga)
    acting = {"olga": firm.acted_for_by(olga)}
    acting |= {name: firm.join(person(name), role) for name, role in named.items()}
    return firm, acting


def member_path(firm: Company, somebody: Person) -> str:
    return f"{firm.path}/members/{identifiers.show('mem', firm.member(somebody).id)}"


def test_members_are_listed_with_their_roles() -> None:
    firm, who = firm_with(paul=Role.PAYER, vera=Role.VIEWER)
    listed = send(who["vera"], "GET", f"{firm.path}/members").document["data"]
    assert [(m["person"]["handle"], m["role"]) for m in listed] == [
        (who["vera"].user.username, "viewer"),
        (who["paul"].user.username, "payer"),
        (who["olga"].user.username, "owner"),
    ]
    assert who["paul"].email not in str(listed)


def test_a_role_changes_on_the_next_call() -> None:
    firm, who = firm_with(paul=Role.VIEWER)
    order = {"payee": who["olga"].party, "amount": {"amount": 1, "currency": "EUR"}}
    assert send(who["paul"], "POST", "/api/v1/payments/preview", order).status == 403
    changed = send(who["olga"], "POST", f"{member_path(firm, who['paul'])}/role", {"role": "payer"})
    assert (changed.status, changed.document["role"]) == (200, "payer")
    assert send(who["paul"], "POST", "/api/v1/payments/preview", order).status == 200
    stream = Event.objects.filter(stream=changed.document["id"]).order_by("stream_version")
    assert [(event.type, event.actor, event.party) for event in stream] == [
        ("paysettle.membership.added.v1", who["olga"].caller.actor, firm.id),
        ("paysettle.membership.role_changed.v1", who["olga"].caller.actor, firm.id),
    ]


def test_the_same_role_changes_nothing() -> None:
    firm, who = firm_with(paul=Role.PAYER)
    before = firm.member(who["paul"])
    members.change_role(by=who["olga"].caller, member_id=before.id, role=Role.PAYER)
    assert firm.member(who["paul"]).version == before.version == 1


def test_a_removed_member_is_a_stranger_and_may_join_again() -> None:
    firm, who = firm_with(paul=Role.PAYER)
    first = firm.member(who["paul"]).id
    assert send(who["olga"], "POST", f"{member_path(firm, who['paul'])}/remove").status == 204
    assert send(who["paul"], "GET", "/api/v1/payments").document["code"] == "not_your_party"
    assert send(who["paul"], "GET", firm.path).status == 404
    removed = Event.objects.get(stream=identifiers.show("mem", first), stream_version=2)
    assert removed.type == "paysettle.membership.removed.v1"
    firm.join(who["paul"], Role.VIEWER)
    assert firm.member(who["paul"]).id != first


@pytest.mark.parametrize("role", ["king", "", None, 1, ["owner"]])
def test_a_role_that_there_is_not(role: object) -> None:
    firm, who = firm_with(paul=Role.PAYER)
    reply = send(who["olga"], "POST", f"{member_path(firm, who['paul'])}/role", {"role": role})
    assert (reply.status, reply.document["code"]) == (422, "invalid_request")
    assert firm.roles()[who["paul"].user.username] == "payer"


def admin_tries(firm: Company, who: dict[str, Person]) -> list[Callable[[], object]]:
    """Return what an admin may not do: touch an owner, make one, become one."""
    by, owner, paul, own = (
        who["alma"].caller,
        firm.member(who["olga"]).id,
        firm.member(who["paul"]).id,
        firm.member(who["alma"]).id,
    )
    return [
        lambda: members.change_role(by=by, member_id=owner, role=Role.VIEWER),
        lambda: members.remove(by=by, member_id=owner),
        lambda: members.change_role(by=by, member_id=paul, role=Role.OWNER),
        lambda: members.change_role(by=by, member_id=own, role=Role.OWNER),
        lambda: members.hand_over(by=by, member_id=paul),
    ]


@pytest.mark.parametrize("n", range(5))
def test_an_admin_neither_touches_owners_nor_makes_one(n: int) -> None:
    firm, who = firm_with(alma=Role.ADMIN, paul=Role.PAYER, otto=Role.OWNER)
    before = firm.roles()
    with pytest.raises(NotPermitted) as refusal:
        admin_tries(firm, who)[n]()
    assert refusal.value.members == {"permission": "owners.manage"}
    assert firm.roles() == before


@pytest.mark.parametrize("n", range(4))
def test_control_without_that_rule_an_admin_does(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: to manage members is enough, whoever they are."""
    firm, who = firm_with(alma=Role.ADMIN, paul=Role.PAYER, otto=Role.OWNER)
    before = firm.roles()
    monkeypatch.setattr(roles, "needed_to_touch", lambda *_held: Permission.MEMBERS_MANAGE)
    admin_tries(firm, who)[n]()
    assert firm.roles() != before


def last_owner_goes(firm: Company, olga: Person) -> list[Callable[[], object]]:
    """Return the ways in which an owner goes."""
    own = firm.member(olga).id
    return [
        lambda: members.leave(by=olga.caller),
        lambda: members.remove(by=olga.caller, member_id=own),
        lambda: members.change_role(by=olga.caller, member_id=own, role=Role.ADMIN),
    ]


@pytest.mark.parametrize("n", range(3))
def test_the_last_owner_stays(n: int) -> None:
    firm, who = firm_with(alma=Role.ADMIN)
    before = firm.roles()
    with pytest.raises(LastOwner):
        last_owner_goes(firm, who["olga"])[n]()
    assert firm.roles() == before
    otto = firm.join(person("otto"), Role.OWNER)
    last_owner_goes(firm, who["olga"])[n]()
    with pytest.raises(LastOwner):
        members.leave(by=otto.caller)


@pytest.mark.parametrize("n", range(3))
def test_control_without_that_rule_an_organisation_is_left_without_owner(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: nobody counts the owners."""
    firm, who = firm_with(alma=Role.ADMIN)
    monkeypatch.setattr(members, "_keep_an_owner", lambda _member: None)
    last_owner_goes(firm, who["olga"])[n]()
    assert "owner" not in firm.roles().values()


def test_an_owner_who_may_not_sign_in_does_not_count() -> None:
    firm, who = firm_with(otto=Role.OWNER)
    people.disable(by=OPERATOR, user_id=who["otto"].user.id, reason="a test")
    with pytest.raises(LastOwner):
        members.leave(by=who["olga"].caller)
    with pytest.raises(LastOwner):
        members.hand_over(by=who["olga"].caller, member_id=firm.member(who["otto"]).id)
    assert firm.roles()[who["olga"].user.username] == "owner"


def test_ownership_is_handed_over_in_one_step() -> None:
    firm, who = firm_with(paul=Role.PAYER)
    body = {"member": identifiers.show("mem", firm.member(who["paul"]).id)}
    reply = send(who["olga"], "POST", f"{firm.path}/hand-over", body)
    assert (reply.status, reply.document["role"]) == (200, "owner")
    assert firm.roles() == {who["olga"].user.username: "admin", who["paul"].user.username: "owner"}
    with pytest.raises(NotPermitted):
        members.hand_over(by=who["olga"].caller, member_id=firm.member(who["paul"]).id)
    with pytest.raises(HandOverToOneself):
        members.hand_over(by=who["paul"].caller, member_id=firm.member(who["paul"]).id)


def test_a_member_of_another_organisation_is_absent() -> None:
    firm, who = firm_with()
    other, others = firm_with(paul=Role.PAYER)
    foreign = other.member(others["paul"]).id
    for act in (
        lambda: members.remove(by=who["olga"].caller, member_id=foreign),
        lambda: members.change_role(by=who["olga"].caller, member_id=foreign, role=Role.VIEWER),
        lambda: members.hand_over(by=who["olga"].caller, member_id=foreign),
    ):
        with pytest.raises(NotFound):
            act()
    paths = [f"{firm.path}/members/{identifiers.show('mem', foreign)}/remove", f"{firm.path}/members/nonsense/remove"]
    assert [send(who["olga"], "POST", path).status for path in paths] == [404, 404]
    assert other.roles()[others["paul"].user.username] == "payer"


def test_what_a_caller_may_do_is_asked_under_the_lock() -> None:
    firm, who = firm_with(alma=Role.ADMIN, paul=Role.PAYER)
    members.change_role(by=who["olga"].caller, member_id=firm.member(who["alma"]).id, role=Role.VIEWER)
    with pytest.raises(NotPermitted):  # whatever the door has seen before
        members.remove(by=who["alma"].caller, member_id=firm.member(who["paul"]).id)
    members.remove(by=who["olga"].caller, member_id=firm.member(who["alma"]).id)
    with pytest.raises(NotYourParty):
        members.remove(by=who["alma"].caller, member_id=firm.member(who["paul"]).id)


def _both_leave(first: Person, second: Person) -> list[str]:
    def leave(by: Person) -> str:
        try:
            members.leave(by=by.caller)
        except DomainError as refusal:
            return refusal.code
        return "left"

    return sorted(at_once(lambda: leave(first), lambda: leave(second)))


def test_of_two_owners_who_leave_at_once_one_stays() -> None:
    for _ in range(5):
        firm, who = firm_with(otto=Role.OWNER)
        assert _both_leave(who["olga"], who["otto"]) == ["last_owner", "left"]
        assert list(firm.roles().values()) == ["owner"]


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
def test_control_without_the_lock_both_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: no lock, and both have counted the owners before either goes."""
    import threading

    firm, who = firm_with(otto=Role.OWNER)
    meet = threading.Barrier(2)
    keep = members._keep_an_owner

    def count_and_wait(member: Membership) -> None:
        keep(member)
        meet.wait(timeout=10)

    monkeypatch.setattr(members, "enter", lambda _by, _needed: firm.party)
    monkeypatch.setattr(members, "_keep_an_owner", count_and_wait)
    assert _both_leave(who["olga"], who["otto"]) == ["left", "left"]
    assert firm.roles() == {}


@pytest.mark.parametrize("rest", ["leave", "members/{member}/remove"])
def test_what_says_nothing_takes_no_body(rest: str) -> None:
    firm, who = firm_with(otto=Role.OWNER)
    member = identifiers.show("mem", firm.member(who["otto"]).id)
    reply = send(who["otto"], "POST", f"{firm.path}/{rest.format(member=member)}", {"reason": "a new job"})
    assert (reply.status, reply.document["code"]) == (422, "invalid_request")
    assert who["otto"].user.username in firm.roles()
