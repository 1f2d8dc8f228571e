"""What an API key may do, through HTTP: every operation with the scope it needs, without it, as the maker falls.

What keys may be given is what `docs/access.toml` says, so that a change of `identity/roles.py` is a change there too.
"""

from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from paysettle.identity import roles, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import ApiKey, User
from paysettle.identity.operations import members
from paysettle.identity.operations.api_keys import NewKey
from paysettle.identity.roles import Permission, Role
from paysettle.identity.standing import Standing
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from tests.companies import company
from tests.machines import new_key, send
from tests.money import balance, books_are_right
from tests.people import deposit, person
from tests.permissions.attack import TABLE
from tests.permissions.requests import REQUESTS, World

pytestmark = pytest.mark.shared

FOR_KEYS = TABLE.key_scopes
MONEY = {"pay", "capture", "release", "refund", "settle.ask", "settle.decide"}
NAMED = {name: row.needs for name, row in TABLE.rows.items() if row.needs is not None}


@pytest.fixture(scope="module")
def world() -> World:
    ben, olga = person("ben"), person("olga")
    made = company(olga)
    owner = made.acted_for_by(olga)
    for somebody in (ben, owner):
        deposit(somebody, 100_000)
    return World(made, owner, ben, owner, "nothing secret")


@pytest.fixture(scope="module")
def keys(world: World) -> dict[str, NewKey]:
    """A key of the company for each scope alone, and one with all but that."""
    one = {scope.value: new_key(world.owner, [scope]) for scope in roles.FOR_KEYS}
    return one | {f"not {scope}": new_key(world.owner, roles.FOR_KEYS - {scope}) for scope in roles.FOR_KEYS}


def test_what_keys_may_be_given_is_what_was_agreed() -> None:
    assert FOR_KEYS == roles.FOR_KEYS


@pytest.mark.parametrize("operation", REQUESTS)
def test_every_operation_with_and_without_its_scope(world: World, keys: dict[str, NewKey], operation: str) -> None:
    request, needed = REQUESTS[operation](world), NAMED[operation]

    def answer(name: str) -> tuple[int, str, str]:
        reply = send(keys[name], request.method, request.path, request.body, **request.headers)
        problem = reply.document if reply.status >= 400 else {}
        return reply.status, problem.get("code", ""), problem.get("permission", "")

    if needed == "any":
        assert answer("pay") == (403, "person_only", "")
    elif needed not in FOR_KEYS:
        assert answer("pay") == (403, "scope_missing", needed)
    else:
        assert answer(f"not {needed}") == (403, "scope_missing", needed)
        status, code, _ = answer(needed)
        assert (code, status) in {("", 200), ("", 201), ("", 202), ("", 204)}


@pytest.fixture(scope="module")
def own(world: World) -> NewKey:
    """A key of the person who is the company's owner."""
    return new_key(world.company.owner)


@pytest.mark.parametrize("operation", REQUESTS)
def test_a_key_acts_for_its_own_party_alone(world: World, own: NewKey, operation: str) -> None:
    """The maker belongs to the company, their own key does not."""
    request, needed = REQUESTS[operation](world), NAMED[operation]
    reply = send(own, request.method, request.path, request.body, **{"Acting-Party": world.company.id})
    found = (reply.status, reply.document["code"])
    if needed == "any":
        assert found == (403, "person_only")
    else:
        assert found == ((404, "not_found") if "/organisations/" in request.path else (403, "not_your_party"))


@pytest.mark.money
@pytest.mark.parametrize("operation", [name for name, needed in NAMED.items() if needed in MONEY and name in REQUESTS])
def test_money_asks_for_the_scope_in_the_batch_too(world: World, keys: dict[str, NewKey], operation: str) -> None:
    request, needed = REQUESTS[operation](world), NAMED[operation]
    before = balance(world.owner)
    with patch.object(standing, "check", lambda *_, **__: None):
        reply = send(keys[f"not {needed}"], request.method, request.path, request.body, **request.headers)
    assert (reply.status, reply.document["code"]) == (403, "scope_missing")
    assert balance(world.owner) == before
    books_are_right(world.owner, world.ben)


@pytest.mark.money
def test_control_without_the_check_in_the_batch_a_key_pays_without_its_scope(
    world: World, keys: dict[str, NewKey]
) -> None:
    """The planted bug: a key is taken for its maker."""
    admit = Standing.admit

    def as_maker(self: Standing, caller: Caller, needed: Permission) -> None:
        person_alone = Caller(user_id=caller.user_id, session_id=world.owner.session.id, party_id=caller.party_id)
        self._live_sessions[world.owner.session.id.bytes, caller.person_id.bytes] = (datetime.now(UTC), False)
        admit(self, person_alone, needed)

    request = REQUESTS["create_payment"](world)
    with patch.object(Standing, "admit", as_maker):
        reply = send(keys["not pay"], request.method, request.path, request.body)
    assert reply.status == 201


def test_control_without_the_check_of_the_view_a_key_marks_the_inbox(world: World, keys: dict[str, NewKey]) -> None:
    request = REQUESTS["mark_inbox_read"](world)
    with patch.object(standing, "_check_key", lambda *_, **__: None):
        reply = send(keys["pay"], request.method, request.path, request.body)
    assert reply.status == 200


@pytest.mark.money
def test_a_key_has_no_more_than_its_maker_has_now(world: World) -> None:
    """Scopes are given for good, and count for as much as the role of that moment allows."""
    paul = world.company.join(person("paul"), Role.ADMIN)
    key = new_key(paul, [Permission.PAY, Permission.PAYMENT_READ])
    order = {"payee": world.ben.handle, "amount": {"amount": 1, "currency": "EUR"}}

    def answers() -> list[tuple[int, str]]:
        replies = [
            send(key, "POST", "/api/v1/payments", order),
            send(key, "POST", "/api/v1/payments/preview", order),
            send(key, "GET", "/api/v1/payments"),
        ]
        return [(reply.status, reply.document.get("code", "")) for reply in replies]

    assert answers() == [(201, ""), (200, ""), (200, "")]
    member_id = world.company.member(paul).id
    members.change_role(by=world.owner.caller, member_id=member_id, role=Role.VIEWER)
    assert answers() == [(403, "not_permitted"), (403, "not_permitted"), (200, "")]
    members.change_role(by=world.owner.caller, member_id=member_id, role=Role.PAYER)
    assert answers() == [(201, ""), (200, ""), (200, "")]
    members.remove(by=world.owner.caller, member_id=member_id)
    assert answers() == [(401, "invalid_api_key")] * 3
    # Joining again makes another membership: what was made under the old one stays ended.
    world.company.join(person("peter"), Role.PAYER)
    world.company.join(paul, Role.OWNER)
    assert answers() == [(401, "invalid_api_key")] * 3
    assert ApiKey.objects.get(id=key.key.id).revoked_at is not None


def test_one_key_and_a_batch_are_judged_alike(world: World) -> None:
    """For every state of a key and its maker, whichever of the two questions is asked."""
    paul = world.company.join(person("paul"), Role.ADMIN)
    key = new_key(paul, [Permission.PAY])
    strangers = Caller(user_id=world.owner.user.id, key_id=key.key.id, party_id=world.company.party.id)
    elsewhere = Caller(user_id=paul.user.id, key_id=key.key.id, party_id=paul.user.own_party_id)
    absent = Caller(user_id=paul.user.id, key_id=identifiers.new(), party_id=world.company.party.id)
    fitting = Caller(user_id=paul.user.id, key_id=key.key.id, party_id=world.company.party.id)
    assert both(fitting, Permission.PAY) == ["admitted"] * 2
    assert both(fitting, Permission.REFUND) == ["scope_missing"] * 2
    assert both(strangers, Permission.PAY) == ["invalid_api_key"] * 2
    assert both(elsewhere, Permission.PAY) == ["not_your_party"] * 2
    assert both(absent, Permission.PAY) == ["invalid_api_key"] * 2
    User.objects.filter(id=paul.user.id).update(is_active=False)  # and nobody has revoked the key
    assert both(fitting, Permission.PAY) == ["invalid_api_key"] * 2


def both(caller: Caller, needed: Permission) -> list[str]:
    """Return what is found by the one question and by the other."""

    def alone() -> None:
        standing.check(caller, needed)

    def in_a_batch() -> None:
        transactions.run(lambda tx: Standing(tx, [caller], []).admit(caller, needed))

    found = []
    for judge in (alone, in_a_batch):
        try:
            judge()
            found.append("admitted")
        except DomainError as error:
            found.append(error.code)
    return found
