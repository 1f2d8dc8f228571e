"""What each role may do, through HTTP: every operation as a member of every role, with the expected answer.

`EXPECTED` is written by hand, so that a change of `identity/roles.py` is a change here too.
"""

from unittest.mock import patch

import pytest
import yaml

from paysettle.identity import roles, standing
from paysettle.identity.caller import Caller
from paysettle.identity.roles import Permission, Role
from paysettle.identity.standing import Standing
from paysettle.kernel import identifiers
from tests.companies import company, send
from tests.money import balance, books_are_right
from tests.people import Person, deposit, person
from tests.permissions.requests import REQUESTS, World
from tests.server import ROOT

EVERYBODY = set(Role)
WHO_PAYS = {Role.OWNER, Role.ADMIN, Role.PAYER}
WHO_DECIDES = {Role.OWNER, Role.ADMIN, Role.APPROVER}
WHO_LEADS = {Role.OWNER, Role.ADMIN}

EXPECTED: dict[Permission, set[Role]] = {
    Permission.PAY: WHO_PAYS,
    Permission.CAPTURE: WHO_PAYS,
    Permission.RELEASE: WHO_PAYS,
    Permission.REFUND: WHO_PAYS,
    Permission.SETTLE_ASK: WHO_PAYS,
    Permission.SETTLE_DECIDE: WHO_DECIDES,
    Permission.PAYMENT_READ: EVERYBODY,
    Permission.SETTLEMENT_READ: EVERYBODY,
    Permission.STATEMENT_READ: EVERYBODY,
    Permission.INBOX_READ: EVERYBODY,
    Permission.INBOX_MARK: EVERYBODY - {Role.VIEWER},
    Permission.ORGANISATION_READ: EVERYBODY,
    Permission.MEMBERS_MANAGE: WHO_LEADS,
    Permission.OWNERS_MANAGE: {Role.OWNER},
}
# The person's own business, or what every member may do.
FOR_ANY_ROLE = {
    "me",
    "list_sessions",
    "name_session",
    "end_session",
    "end_other_sessions",
    "change_address",
    "confirm_address",
    "list_organisations",
    "create_organisation",
    "leave_organisation",
    "accept_invitation",
}
# These change who acts for a company: the first two are tried with companies of their own, the last in
# `identity/tests/test_invitations.py`, because nobody who has a role accepts one. What is about one's own session or
# address is tried in `identity/tests/test_sessions.py` and `test_address_changes.py`.
ONCE = {"leave_organisation", "hand_over_organisation", "accept_invitation"} | {
    "name_session",
    "end_session",
    "change_address",
    "confirm_address",
}
NAMED = {
    operation["operationId"]: operation["x-permission"]
    for methods in yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())["paths"].values()
    for operation in methods.values()
    if isinstance(operation, dict) and "x-permission" in operation
}


@pytest.fixture(scope="module")
def world() -> World:
    ben, olga = person("ben"), person("olga")
    made = company(olga)
    owner = made.acted_for_by(olga)
    for somebody in (ben, owner):
        deposit(somebody, 100_000)
    return World(made, owner, ben)


@pytest.fixture(scope="module")
def members(world: World) -> dict[Role, Person]:
    return {role: world.company.join(person(role.value), role) for role in Role}


def test_the_table_is_the_one_that_was_agreed() -> None:
    assert {permission: {role for role in Role if roles.allows(role, permission)} for permission in Permission} == (
        EXPECTED
    )


def test_the_table_of_the_readme_says_the_same() -> None:
    columns = [
        {Permission.PAYMENT_READ, Permission.SETTLEMENT_READ, Permission.STATEMENT_READ, Permission.INBOX_READ},
        {Permission.PAY, Permission.CAPTURE, Permission.REFUND, Permission.SETTLE_ASK},
        {Permission.SETTLE_DECIDE},
        {Permission.MEMBERS_MANAGE},
        {Permission.OWNERS_MANAGE},
    ]
    lines = (ROOT / "README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    told = {row[0]: row[1:] for row in rows if row[0] in set(Role)}
    assert told == {
        role: ["yes" if all(role in EXPECTED[one] for one in column) else "no" for column in columns] for role in Role
    }


def test_every_operation_is_tried() -> None:
    assert set(NAMED) == set(REQUESTS) | ONCE
    assert {name for name, permission in NAMED.items() if permission == "any"} == FOR_ANY_ROLE


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", REQUESTS)
def test_every_role_and_every_operation(world: World, members: dict[Role, Person], operation: str, role: Role) -> None:
    request = REQUESTS[operation](world)
    reply = send(members[role], request.method, request.path, request.body, **request.headers)
    needed = NAMED[operation]
    if needed == "any" or role in EXPECTED[Permission(needed)]:
        assert reply.status in {200, 201, 202, 204}, reply.text
        return
    assert (reply.status, reply.document["code"], reply.document["permission"]) == (403, "not_permitted", needed)
    # It was a good request: who may, can send the same.
    allowed = send(world.owner, request.method, request.path, request.body, **request.headers)
    assert allowed.status in {200, 201, 202, 204}, allowed.text


@pytest.mark.parametrize("role", Role)
def test_every_role_hands_over_and_leaves(role: Role) -> None:
    firm = company(person("olga"))
    member = firm.join(person(role.value), role)
    body = {"member": identifiers.show("mem", firm.member(firm.owner).id)}
    reply = send(member, "POST", f"{firm.path}/hand-over", body)
    assert reply.status == (200 if role is Role.OWNER else 403)
    assert firm.roles()[member.user.username] == (Role.ADMIN if role is Role.OWNER else role)
    assert send(member, "POST", f"{firm.path}/leave").status == 204
    assert list(firm.roles()) == [firm.owner.user.username]


@pytest.mark.parametrize("operation", REQUESTS)
def test_a_stranger_acts_for_no_company(world: World, operation: str) -> None:
    request = REQUESTS[operation](world)
    stranger = world.company.acted_for_by(person("eve"))
    reply = send(stranger, request.method, request.path, request.body, **request.headers)
    if "/organisations/" not in request.path:
        assert (reply.status, reply.document["code"]) == (403, "not_your_party")
        return
    absent = request.path.replace(world.company.id, identifiers.show("par", identifiers.new()))
    nothing = send(stranger, request.method, absent, request.body, **request.headers)
    assert (reply.status, reply.document["code"]) == (nothing.status, nothing.document["code"]) == (404, "not_found")


@pytest.mark.money
def test_money_asks_for_the_role_in_the_batch_too(world: World, members: dict[Role, Person]) -> None:
    """What the view has let through is judged again under the locks, by the role of that moment."""
    before = balance(world.owner)
    with patch.object(standing, "check", lambda *_, **__: None):
        for operation, request in REQUESTS.items():
            if NAMED[operation] in {"pay", "capture", "release", "refund", "settle.ask", "settle.decide"}:
                made = request(world)
                reply = send(members[Role.VIEWER], made.method, made.path, made.body, **made.headers)
                assert (reply.status, reply.document["code"]) == (403, "not_permitted"), operation
    assert balance(world.owner) >= before
    books_are_right(world.owner, world.ben)


@pytest.mark.money
def test_control_without_the_check_in_the_batch_a_viewer_pays(world: World, members: dict[Role, Person]) -> None:
    admit = Standing.admit

    def as_owner(self: Standing, caller: Caller, _needed: Permission) -> None:
        admit(self, caller, Permission.PAYMENT_READ)

    request = REQUESTS["create_payment"](world)
    with patch.object(Standing, "admit", as_owner):
        reply = send(members[Role.VIEWER], request.method, request.path, request.body)
    assert reply.status == 201


def test_control_without_the_check_of_the_view_a_viewer_marks_the_inbox(
    world: World, members: dict[Role, Person]
) -> None:
    check = standing.check
    request = REQUESTS["mark_inbox_read"](world)
    with patch.object(standing, "check", lambda caller, _needed, **_: check(caller, None)):
        reply = send(members[Role.VIEWER], request.method, request.path, request.body)
    assert reply.status == 200
