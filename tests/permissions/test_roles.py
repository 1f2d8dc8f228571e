"""What each role may do beside the access table: the table itself, the README, and money, which asks a second time."""

from unittest.mock import patch

import pytest

from paysettle.identity import roles, standing
from paysettle.identity.caller import Caller
from paysettle.identity.operations import members as operations
from paysettle.identity.roles import Permission, Role, StaffPermission, StaffRole
from paysettle.identity.standing import Standing
from tests.companies import company, send
from tests.money import balance, books_are_right
from tests.people import Person, deposit, person
from tests.permissions.attack import TABLE
from tests.permissions.requests import REQUESTS, World, pending
from tests.server import ROOT

OF_MONEY = {
    Permission.PAY,
    Permission.CAPTURE,
    Permission.RELEASE,
    Permission.REFUND,
    Permission.PAYMENT_APPROVE,
    Permission.SETTLE_ASK,
    Permission.SETTLE_DECIDE,
}


@pytest.fixture(scope="module")
def world() -> World:
    ben, olga = person("ben"), person("olga")
    made = company(olga)
    owner = made.acted_for_by(olga)
    for somebody in (ben, owner):
        deposit(somebody, 100_000)
    return World(made, owner, ben, owner, "nothing secret")


@pytest.fixture(scope="module")
def members(world: World) -> dict[Role, Person]:
    return {role: world.company.join(person(role.value), role) for role in Role}


def test_the_roles_are_those_of_the_access_table() -> None:
    held_by = {permission: {role for role in Role if roles.allows(role, permission)} for permission in Permission}
    assert held_by == {Permission(name): set(roles_) for name, roles_ in TABLE.permissions.items()}


def test_the_staff_roles_are_those_of_the_access_table() -> None:
    held_by = {
        permission: {role for role in StaffRole if roles.staff_allows(role, permission)}
        for permission in StaffPermission
    }
    assert held_by == {StaffPermission(name): set(roles_) for name, roles_ in TABLE.staff_permissions.items()}
    assert not any(roles.staff_allows("", permission) for permission in StaffPermission)


def test_the_table_of_the_readme_says_the_same() -> None:
    columns = [
        {Permission.PAYMENT_READ, Permission.SETTLEMENT_READ, Permission.STATEMENT_READ, Permission.INBOX_READ}
        | {Permission.CONTACTS_READ},
        {Permission.PAY, Permission.CAPTURE, Permission.REFUND, Permission.SETTLE_ASK}
        | {Permission.PAYEE_FIND, Permission.CONTACTS_MANAGE},
        {Permission.SETTLE_DECIDE, Permission.PAYMENT_APPROVE},
        {Permission.MEMBERS_MANAGE, Permission.LIMITS_MANAGE, Permission.KEYS_MANAGE},
        {Permission.OWNERS_MANAGE},
    ]
    lines = (ROOT / "README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    told = {row[0]: row[1:] for row in rows if row[0] in set(Role)}
    assert told == {
        role: ["yes" if all(role in TABLE.permissions[one] for one in column) else "no" for column in columns]
        for role in Role
    }


@pytest.mark.parametrize("role", Role)
def test_every_role_withdraws_what_it_has_ordered(world: World, role: Role) -> None:
    maker = world.company.join(person("maker"), Role.PAYER)
    path = pending(world, maker)
    operations.change_role(by=world.owner.caller, member_id=world.company.member(maker).id, role=role)
    reply = send(maker, "POST", f"{path}/withdraw")
    assert reply.status == (200 if roles.allows(role, Permission.PAY) else 403)


@pytest.mark.parametrize("role", Role)
def test_every_role_closes_the_company_and_then_themself(role: Role) -> None:
    firm = company(person("olga"))
    member = firm.join(person(role.value), role)
    closed = send(member, "POST", f"{firm.path}/close")
    assert closed.status == (200 if role is Role.OWNER else 403)
    if role is not Role.OWNER:
        assert closed.document["permission"] == "owners.manage"
    assert send(member, "POST", "/api/v1/me/close").status == (403 if role is Role.OWNER else 200)
    assert list(firm.roles()) == ([] if role is Role.OWNER else [firm.owner.user.username])


@pytest.mark.money
def test_money_asks_for_the_role_in_the_batch_too(world: World, members: dict[Role, Person]) -> None:
    """What the view has let through is judged again under the locks, by the role of that moment."""
    before = balance(world.owner)
    with patch.object(standing, "check", lambda *_, **__: None):
        for operation, request in REQUESTS.items():
            if TABLE.rows[operation].needs in OF_MONEY:
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
