"""API keys over HTTP: made, shown once, listed, rotated, revoked; from where, for how long, and what is refused."""

import hashlib
import itertools
import json
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client, override_settings

from paysettle.events.models import Event
from paysettle.identity import api_keys as known
from paysettle.identity import roles, standing
from paysettle.identity.models import ApiKey, LoginSession, Membership, User
from paysettle.identity.operations import api_keys, members, people
from paysettle.identity.operations.recording import StaffOnly
from paysettle.identity.roles import Permission, Role
from paysettle.identity.tests.app_client import at_once
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError
from paysettle.notifications.models import OutgoingMail
from paysettle.notifications.queries import entry_documents, inbox_of
from tests import companies, machines, timing, working
from tests.companies import company
from tests.http import InProcess
from tests.machines import bearer, new_key, send
from tests.people import Person, deposit, person
from tests.server import Reply

pytestmark = pytest.mark.shared

FORM = re.compile(r"psk_[0-7][0-9a-hjkmnp-tv-z]{25}_[0-9a-f]{64}")
ORDER = {"name": "the till", "scopes": ["pay", "payment.read"]}
PATH = "/api/v1/api-keys"


def create(who: Person, **changes: Any) -> Reply:
    return companies.send(who, "POST", PATH, {**ORDER, **changes})


def look(secret: str, **headers: str) -> Reply:
    return InProcess().get("/api/v1/payments", Authorization=f"Bearer {secret}", **headers)


def eventually(found: Callable[[], Any]) -> Any:
    """Return what is found, waiting for what happens beside the request."""
    for _ in range(100):
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("It did not happen.")


@pytest.mark.money
def test_the_whole_way() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    made = create(ana)
    assert made.status == 201
    secret = made.document["secret"]
    assert FORM.fullmatch(secret)
    assert made.document["state"] == "live"
    assert made.headers["Cache-Control"] == "no-store"
    body = {"payee": ben.handle, "amount": {"amount": 10, "currency": "EUR"}}
    paid = InProcess().post("/api/v1/payments", body, Authorization=f"Bearer {secret}")
    assert (paid.status, paid.document["payer"]["id"]) == (201, ana.party)
    assert look(secret).document["data"][0]["id"] == paid.document["id"]
    # The person is named, and the key beside them.
    event = Event.objects.get(stream=paid.document["id"])
    assert (event.actor, event.party) == (ana.caller.actor, ana.party)
    assert json.loads(event.data)["key"] == made.document["id"]

    known._writer.submit(lambda: None).result()  # the use is noted
    shown = companies.send(ana, "GET", f"{PATH}/{made.document['id']}").document
    assert shown["scopes"] == ["pay", "payment.read"]
    assert companies.send(ana, "GET", PATH).document["data"] == [shown]
    revoked = companies.send(ana, "POST", f"{PATH}/{made.document['id']}/revoke")
    assert (revoked.status, revoked.document["state"]) == (200, "revoked")
    assert companies.send(ana, "POST", f"{PATH}/{made.document['id']}/revoke").document == revoked.document
    refused = look(secret)
    assert (refused.status, refused.document["code"]) == (401, "invalid_api_key")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_api_key"'


def test_the_secret_is_stored_and_shown_nowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ana = person("ana")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("django.db.backends").setLevel(logging.INFO)  # statements are no log of ours
        made = create(ana).document
        secret = made["secret"]
        random = secret.rpartition("_")[2]
        replies = [
            look(secret),
            look(secret[:-1]),
            look(secret, **{"Acting-Party": "par_x"}),
            companies.send(ana, "GET", PATH),
            companies.send(ana, "POST", f"{PATH}/{made['id']}/rotate"),
            companies.send(ana, "POST", f"{PATH}/{made['id']}/revoke"),
            look(secret),
        ]
    text = capsys.readouterr().err + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "api/v1/api-keys" in text  # control: these requests are what was logged
    assert random not in text
    assert random not in "".join(reply.text for reply in replies)
    key = ApiKey.objects.get(id=identifiers.parse("key", made["id"]))
    assert bytes(key.digest) == hashlib.sha256(secret.encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM identity_api_key WHERE id = %s", [key.id.bytes])
        assert random not in str(cursor.fetchall())
    assert random not in "".join(Event.objects.filter(stream=made["id"]).values_list("data", flat=True))


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"name": ""}, "/name", "empty"),
        ({"name": "x" * 65}, "/name", "too_long"),
        ({"scopes": []}, "/scopes", "not_in_range"),
        ({"scopes": "pay"}, "/scopes", "not_a_list"),
        ({"scopes": ["fly"]}, "/scopes", "not_a_choice"),
        ({"scopes": [["pay"]]}, "/scopes", "not_a_choice"),
        ({"networks": []}, "/networks", "not_in_range"),
        ({"networks": ["10.0.0.1/8"]}, "/networks", "not_a_network"),  # bits beside the mask: what was meant?
        ({"networks": ["anywhere"]}, "/networks", "not_a_network"),
        ({"networks": [167772160]}, "/networks", "not_a_network"),
        ({"networks": ["fe80::%eth0/64"]}, "/networks", "not_a_network"),  # a zone, which no caller has
        ({"networks": ["fe80::%a b/64"]}, "/networks", "not_a_network"),
        ({"networks": ["::ffff:10.0.0.0/104"]}, "/networks", "not_a_network"),  # its callers are known as IPv4
        ({"networks": ["10.0.0.0/0.0.0.255"]}, "/networks", "not_a_network"),
        ({"networks": ["10.0.0.0/8"] * 21}, "/networks", "not_in_range"),
        ({"expires_in_days": 0}, "/expires_in_days", "not_in_range"),
        ({"expires_in_days": 366}, "/expires_in_days", "not_in_range"),
        ({"party": "par_x"}, "/party", "unknown_field"),
        ({"made_by": "usr_x"}, "/made_by", "unknown_field"),
    ],
)
def test_what_cannot_be_a_key_is_refused(changes: dict[str, Any], pointer: str, code: str) -> None:
    ana = person("ana")
    reply = create(ana, **changes)
    assert reply.status == 422
    assert (reply.document["errors"][0]["pointer"], reply.document["errors"][0]["code"]) == (pointer, code)
    assert not ApiKey.objects.filter(party_id=ana.party_id).exists()


def test_a_scope_that_the_maker_lacks_is_refused() -> None:
    """An admin does not manage owners; and what no key may have, nobody gives it."""
    firm = company(person("olga"))
    adam = firm.join(person("adam"), Role.ADMIN)
    refused = create(adam, scopes=["pay", "owners.manage"])
    assert (refused.status, refused.document["code"]) == (403, "scope_not_held")
    assert refused.document["scopes"] == ["owners.manage"]
    for scope in ("owners.manage", "members.manage", "keys.manage"):
        refused = create(firm.acted_for_by(firm.owner), scopes=["pay", scope])
        assert (refused.status, refused.document["code"]) == (422, "scope_not_for_keys")
        assert refused.document["scopes"] == [scope]
    assert not ApiKey.objects.filter(party=firm.party).exists()


def test_who_rotates_gives_no_more_than_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a table in which an admin may not pay, the key of an owner is not rotated into an admin's."""
    firm = company(person("olga"))
    adam = firm.join(person("adam"), Role.ADMIN)
    made = new_key(firm.acted_for_by(firm.owner), [Permission.PAY])
    monkeypatch.setitem(roles.TABLE, Role.ADMIN, roles.TABLE[Role.ADMIN] - {Permission.PAY})
    refused = companies.send(adam, "POST", f"{PATH}/{identifiers.show('key', made.key.id)}/rotate")
    assert (refused.status, refused.document["code"]) == (403, "scope_not_held")
    assert ApiKey.objects.get(id=made.key.id).replaced_by_id is None


@pytest.mark.parametrize("verb", ["GET", "rotate", "revoke"])
def test_the_keys_of_others_are_as_absent_as_none(verb: str) -> None:
    ana, ben = person("ana"), person("ben")
    foreign = identifiers.show("key", new_key(ben).key.id)
    for name in (foreign, identifiers.show("key", identifiers.new()), "key_x", "x"):
        path = f"{PATH}/{name}"
        reply = companies.send(ana, "GET", path) if verb == "GET" else companies.send(ana, "POST", f"{path}/{verb}")
        assert (reply.status, reply.document["code"]) == (404, "not_found")
    assert ApiKey.objects.get(party_id=ben.party_id).revoked_at is None
    assert companies.send(ana, "GET", PATH).document["data"] == []


def test_rotating() -> None:
    ana = person("ana")
    old = create(ana, networks=["127.0.0.0/8"]).document
    path = f"{PATH}/{old['id']}/rotate"
    for body, code in (({"overlap_s": 604_801}, "not_in_range"), ({"overlap_s": -1}, "not_in_range")):
        assert companies.send(ana, "POST", path, body).document["errors"][0]["code"] == code
    new = companies.send(ana, "POST", path, {"overlap_s": 3600})
    assert new.status == 201
    same = ("name", "scopes", "networks")
    assert [new.document[name] for name in same] == [old[name] for name in same]
    assert look(old["secret"]).status == look(new.document["secret"]).status == 200
    shown = companies.send(ana, "GET", f"{PATH}/{old['id']}").document
    assert (shown["replaced_by"], shown["state"]) == (new.document["id"], "live")
    key = ApiKey.objects.get(id=identifiers.parse("key", old["id"]))
    made_after = ApiKey.objects.get(id=identifiers.parse("key", new.document["id"])).created_at
    assert key.expires_at - made_after == timedelta(hours=1)
    again = companies.send(ana, "POST", path)
    assert (again.status, again.document["code"]) == (409, "api_key_ended")
    companies.send(ana, "POST", f"{PATH}/{new.document['id']}/revoke")
    ended = companies.send(ana, "POST", f"{PATH}/{new.document['id']}/rotate")
    assert (ended.status, ended.document["code"]) == (409, "api_key_ended")


def test_a_key_lives_as_long_as_the_one_whose_place_it_takes_unless_more_is_asked_for() -> None:
    ana = person("ana")

    def life(**said: int) -> timedelta:
        old = create(ana, expires_in_days=3).document["id"]
        new = companies.send(ana, "POST", f"{PATH}/{old}/rotate", said).document["id"]
        key = ApiKey.objects.get(id=identifiers.parse("key", new))
        return key.expires_at - key.created_at

    assert life() == timedelta(days=3)
    assert life(expires_in_days=9) == timedelta(days=9)
    with override_settings(API_KEY_DAYS_MAX=3):
        old = create(ana).document["id"]
    with override_settings(API_KEY_DAYS_MAX=2):
        new = companies.send(ana, "POST", f"{PATH}/{old}/rotate").document["id"]
    key = ApiKey.objects.get(id=identifiers.parse("key", new))
    assert key.expires_at - key.created_at == timedelta(days=2)


def test_an_overlap_never_prolongs_a_key() -> None:
    ana = person("ana")
    made = new_key(ana, life=timedelta(minutes=5))
    api_keys.rotate(by=ana.caller, key_id=made.key.id, overlap=timedelta(days=7), life=timedelta(days=1))
    assert ApiKey.objects.get(id=made.key.id).expires_at == made.key.expires_at


def test_a_party_has_a_bounded_number_of_live_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "LIVE_MAX", 2)
    ana = person("ana")
    first = create(ana).document["id"]
    assert create(ana).status == 201
    refused = create(ana)
    assert (refused.status, refused.document["code"]) == (409, "too_many_api_keys")
    replaced = companies.send(ana, "POST", f"{PATH}/{first}/rotate", {"overlap_s": 60})
    assert (replaced.status, replaced.document["code"]) == (409, "too_many_api_keys"), "both would be live"
    replaced = companies.send(ana, "POST", f"{PATH}/{first}/rotate", {"overlap_s": 0})
    assert replaced.status == 201
    companies.send(ana, "POST", f"{PATH}/{replaced.document['id']}/revoke")
    assert create(ana).status == 201


def test_the_life_of_a_key_is_bounded() -> None:
    ana = person("ana")
    days = [ApiKey.objects.get(id=identifiers.parse("key", create(ana, **said).document["id"])) for said in (
        {}, {"expires_in_days": 365}
    )]  # fmt: skip
    assert [key.expires_at - key.created_at for key in days] == [timedelta(days=90), timedelta(days=365)]
    assert django_settings.API_KEY_DAYS_MAX == 365
    with override_settings(API_KEY_DAYS_MAX=30):
        key = ApiKey.objects.get(id=identifiers.parse("key", create(ana).document["id"]))
    assert key.expires_at - key.created_at == timedelta(days=30)


class TestNetworks:
    """From where a key may be used."""

    def test_only_from_where_it_is_for(self) -> None:
        made = new_key(person("ana"), networks=["203.0.113.0/24", "2001:db8::/32"])

        def answer(address: str, **headers: str) -> int:
            return self._look(made.secret, address, **headers)

        assert [answer(address) for address in ("203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9")] == [200] * 3
        assert [answer(address) for address in ("203.0.114.9", "2001:db9::1", "127.0.0.1", "")] == [403] * 4

    def test_a_forged_forwarding_header_does_not_help(self) -> None:
        made = new_key(person("ana"), networks=["203.0.113.0/24"])
        forged = ["203.0.113.9", "203.0.113.9, 198.51.100.1", "203.0.113.9,203.0.113.9,198.51.100.1"]
        names = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip")
        for value in forged:
            for name in names:
                assert self._look(made.secret, "198.51.100.1", **{name: value}) == 403
        with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):  # our proxy adds who connected to it
            assert self._look(made.secret, "10.0.0.1", **{"X-Forwarded-For": forged[1]}) == 403
            assert self._look(made.secret, "10.0.0.1", **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}) == 200

    def test_control_whoever_believes_the_header_lets_the_forged_one_in(self) -> None:
        """The planted bug: a proxy is trusted that is not there."""
        made = new_key(person("ana"), networks=["203.0.113.0/24"])
        with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
            assert self._look(made.secret, "198.51.100.1", **{"X-Forwarded-For": "203.0.113.9"}) == 200

    def test_money_is_refused_too(self) -> None:
        made = new_key(person("ana"), networks=["203.0.113.0/24"])
        reply = send(made, "POST", "/api/v1/payments", {"payee": "ben", "amount": {"amount": 1, "currency": "EUR"}})
        assert (reply.status, reply.document["code"]) == (403, "address_not_allowed")

    @staticmethod
    def _look(secret: str, address: str, **headers: str) -> int:
        client = Client(REMOTE_ADDR=address)
        return client.get("/api/v1/payments", headers={"Authorization": f"Bearer {secret}", **headers}).status_code


def test_the_last_use_is_noted_once_a_minute_and_not_in_the_transaction_of_the_money() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    made = new_key(ana)
    body = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}

    def used_at() -> Any:
        return ApiKey.objects.get(id=made.key.id).last_used_at

    assert used_at() is None
    assert send(made, "POST", "/api/v1/payments", body).status == 201
    first = eventually(used_at)
    assert send(made, "POST", "/api/v1/payments", body).status == 201
    known._writer.submit(lambda: None).result()
    assert used_at() == first
    # Another process, which has noted nothing yet: the table says that it is too early.
    known._noted.clear()
    assert send(made, "GET", "/api/v1/payments").status == 200
    known._writer.submit(lambda: None).result()
    assert used_at() == first
    known._noted.clear()
    ApiKey.objects.filter(id=made.key.id).update(last_used_at=first - timedelta(seconds=61))
    assert send(made, "GET", "/api/v1/payments").status == 200
    assert eventually(lambda: used_at() >= first)


def test_a_key_that_has_ended_is_used_no_more() -> None:
    ana = person("ana")
    made = new_key(ana)
    assert send(made, "GET", "/api/v1/payments").status == 200
    known._writer.submit(lambda: None).result()
    ApiKey.objects.filter(id=made.key.id).update(last_used_at=None)
    known._noted.clear()
    api_keys.revoke(by=ana.caller, key_id=made.key.id)
    assert send(made, "GET", "/api/v1/payments").status == 401
    known._writer.submit(lambda: None).result()
    assert ApiKey.objects.get(id=made.key.id).last_used_at is None


@pytest.mark.parametrize("place", ["/api/v1/payments", "/api/v1/me", "/_allauth/app/v1/auth/session", "/admin/"])
def test_a_key_is_no_session(place: str) -> None:
    made = new_key(person("ana"))
    reply = InProcess().get(place, **bearer(made), **{"X-Session-Token": made.secret})
    assert reply.status == {"/api/v1/payments": 200, "/api/v1/me": 403, "/admin/": 302}.get(place, reply.status)
    if place.startswith("/_allauth"):
        assert reply.status in {401, 410}


def test_the_key_of_a_member_of_staff_is_no_member_of_staff() -> None:
    ana, ben = person("ana"), person("ben")
    User.objects.filter(id=ana.user.id).update(staff_role="administrator")
    LoginSession.objects.filter(id=ana.session.id).update(second_factor_at=Now())
    with pytest.raises(StaffOnly):
        people.disable(by=machines.caller(new_key(ana)), user_id=ben.user.id, reason="a test")
    people.disable(by=ana.caller, user_id=ben.user.id, reason="a test")


def test_the_key_of_a_member_of_staff_does_nothing_while_they_are() -> None:
    """A key shows no second factor. Control: without the question it pays."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    made = new_key(ana)
    order = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    User.objects.filter(id=ana.user.id).update(staff_role="auditor")
    for method, path, body in (("POST", "/api/v1/payments", order), ("GET", "/api/v1/payments", None)):
        reply = machines.send(made, method, path, body)
        assert (reply.status, reply.document["code"]) == (403, "second_factor_required")
    judge = standing._judge_key
    with patch.object(standing, "_judge_key", lambda scopes, **said: judge(scopes, **{**said, "of_staff": False})):
        assert machines.send(made, "POST", "/api/v1/payments", order).status == 201
    User.objects.filter(id=ana.user.id).update(staff_role="")
    assert machines.send(made, "POST", "/api/v1/payments", order).status == 201


def wrong_keys(ana: Person) -> dict[str, str]:
    """Return keys that are none: for each a name of why."""
    revoked, expired, good = new_key(ana), new_key(ana), new_key(ana)
    api_keys.revoke(by=ana.caller, key_id=revoked.key.id)
    ApiKey.objects.filter(id=expired.key.id).update(expires_at=expired.key.created_at)
    return {
        "unknown": known.new_secret(identifiers.new()),
        "of a known id": known.new_secret(good.key.id),
        "revoked": revoked.secret,
        "expired": expired.secret,
        "malformed": "psk_",
        "cut": good.secret[:-1],
        "longer": good.secret + "0",
        "in capitals": "psk_" + good.secret[4:].upper(),
        "very long": "psk_" + "a" * 10_000,
        "not ASCII": "psk_é\xff",
        "an id": "psk_" + identifiers.show("key", good.key.id),
    }


@pytest.mark.money
def test_every_wrong_key_is_answered_alike() -> None:
    ana = person("ana")
    body = {"payee": "ben", "amount": {"amount": 1, "currency": "EUR"}}
    answers = set()
    for secret in wrong_keys(ana).values():
        for reply in (look(secret), InProcess().post("/api/v1/payments", body, Authorization=f"Bearer {secret}")):
            shown = {name: reply.document[name] for name in ("code", "title", "detail", "type", "retryable")}
            answers.add((reply.status, json.dumps(shown, sort_keys=True), reply.headers["WWW-Authenticate"]))
    ((status, document, _),) = answers
    assert (status, json.loads(document)["code"]) == (401, "invalid_api_key")


def _tell(first: str, second: str) -> bool:
    """Return whether the processor times of two keys differ. On SQLite that is all the time there is."""
    return timing.differ(itertools.repeat((partial(look, first), partial(look, second))), clock=time.thread_time)


@pytest.mark.parametrize("why", ["revoked", "expired", "malformed", "of a known id"])
def test_every_wrong_key_takes_as_long(why: str) -> None:
    keys = wrong_keys(person("ana"))
    assert not _tell(keys["unknown"], keys[why])


def test_control_a_planted_difference_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = wrong_keys(person("ana"))
    read = known._read

    def slower(digest: bytes) -> known.KnownKey | None:
        if digest == known.digest(keys["revoked"]):
            timing.work(timing.PLANTED_S)
        return read(digest)

    monkeypatch.setattr(known, "_read", slower)
    assert _tell(keys["unknown"], keys["revoked"])


def test_a_key_that_this_process_has_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "REMEMBERED_MAX", 1)
    known._known.clear()
    ana = person("ana")
    first, second = new_key(ana), new_key(ana)
    for made in (first, second, first, second):
        assert send(made, "GET", "/api/v1/payments").status == 200
        assert list(known._known) == [known.digest(made.secret)]
    look(known.new_secret(identifiers.new()))
    assert len(known._known) == 1  # what is unknown pushes nothing out


def test_owners_and_admins_are_told() -> None:
    olga, adam, paul = person("olga"), person("adam"), person("paul")
    firm = company(olga)
    admin, payer = firm.join(adam, Role.ADMIN), firm.join(paul, Role.PAYER)
    made = create(admin).document
    rotated = companies.send(admin, "POST", f"{PATH}/{made['id']}/rotate", {"overlap_s": 0}).document
    companies.send(admin, "POST", f"{PATH}/{rotated['id']}/revoke")
    working.catch_up("dispatch")
    told = entry_documents(inbox_of(firm.party.id).order_by("created_at", "id"))
    assert [(one["kind"], one["data"]["subject"]) for one in told] == [
        ("api_key_made", made["id"]),
        ("api_key_rotated", rotated["id"]),
        ("api_key_revoked", rotated["id"]),
    ]
    assert all(firm.party.handle in one["sentence"] for one in told)
    mailed = OutgoingMail.objects.filter(entry__recipient=firm.party).values_list("user_id", flat=True)
    assert sorted(mailed) == sorted([olga.user.id, adam.user.id] * 3)
    assert payer.user.id not in mailed
    types = Event.objects.filter(stream__in=[made["id"], rotated["id"]]).order_by("position")
    assert [event.type for event in types] == [
        f"paysettle.api_key.{what}.v1" for what in ("made", "made", "replaced", "revoked")
    ]


@pytest.mark.money
def test_of_two_who_rotate_at_once_one_is_too_late() -> None:
    ana = person("ana")
    made = new_key(ana)

    def rotate() -> str:
        try:
            api_keys.rotate(by=ana.caller, key_id=made.key.id, overlap=timedelta(0), life=timedelta(days=1))
        except DomainError as error:
            return error.code
        return "ok"

    assert sorted(at_once(rotate, rotate)) == ["api_key_ended", "ok"]
    assert ApiKey.objects.filter(party_id=ana.party_id).count() == 2


def test_nobody_makes_a_key_while_being_removed() -> None:
    for _ in range(5):
        firm = company(person("olga"))
        adam = firm.join(person("adam"), Role.ADMIN)
        owner = firm.acted_for_by(firm.owner)
        member_id = Membership.objects.get(user=adam.user, party=firm.party).id

        def make(adam: Person = adam) -> None:
            with suppress(DomainError):
                new_key(adam)

        def remove(owner: Person = owner, member_id: UUID = member_id) -> None:
            members.remove(by=owner.caller, member_id=member_id)

        at_once(make, remove)
        assert not ApiKey.objects.filter(party=firm.party, revoked_at=None).exists()
