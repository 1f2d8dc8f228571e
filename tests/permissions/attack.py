"""The attack on the access table: one operation, every kind of caller, and what was answered unexpectedly."""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from config.asgi import build
from paysettle.commands import documents
from paysettle.commands.access import Operation, operations
from paysettle.identity import roles
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import identifiers
from tests import openapi
from tests.asgi import AsgiClient
from tests.people import person
from tests.permissions.callers import OTHERS, Cast, by_key, headers_of, rightful, signed_in
from tests.permissions.requests import REQUESTS, Request, World, filters
from tests.server import Reply

TABLE = documents.access_table()
OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in operations(openapi.DOCUMENT)}
STRANGERS = ("other_person", "other_organisation")
ID = re.compile(r"\b[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}\b")
PARTIES = {"payee", "debtor", "party"}
"""The fields of an order that name a party, by its handle or its id."""
NAMED = re.compile(rf'("(?:{"|".join(PARTIES)})":)"[^"]*"')
OF_THE_REQUEST = {"request_id", "instance"}
"""What differs in each answer."""


class Server:
    """The application as the server runs it, hot route included, in this process."""

    def __init__(self) -> None:
        self._client = AsgiClient(build(threads=4))

    def send(self, request: Request, headers: Mapping[str, str], *, key: str | None = None) -> Reply:
        """Send a request with these headers and an idempotency key, a fresh one by default."""
        body = b"" if request.body is None else orjson.dumps(request.body)
        described = {"Content-Type": "application/json"} if body else {}
        given = {**described, **request.headers, "Idempotency-Key": key or secrets.token_hex(12), **headers}
        reply = self._client.send(request.method, request.path, (body,), **given)
        assert reply is not None
        return reply


@dataclass(frozen=True, slots=True)
class Attack:
    """Everybody sends one operation. `findings` says what was answered otherwise than the table says."""

    server: Server
    everybody: Cast

    def findings(self, name: str) -> list[str]:
        """Try an operation as every kind of caller."""
        return [*self._members(name), *self._others(name), *self._mixed(name)]

    def named(self, name: str) -> Iterator[str]:
        """Let somebody name us by our id, as anybody may who knows it, and then a party that there is not."""
        ours, theirs = self.everybody.ours, self.everybody.theirs
        headers = signed_in(theirs.owner)
        told = self.server.send(naming(REQUESTS[name](theirs), ours.owner.party), headers)
        yield from self._judged(name, "who names us", "other_organisation", told, {ours.canary})
        absent = identifiers.show("par", identifiers.new())
        nobody = self.server.send(naming(REQUESTS[name](theirs), absent), headers)
        if "not_found" not in nobody.text:  # a batch and a preview say it within their answer
            yield f"who names nobody is told {_told(nobody)}"

    def filtered(self, name: str) -> list[str]:
        """Ask for a list with each of its query parameters, set to what finds something of ours."""
        ours, found = self.everybody.ours, []
        request = [REQUESTS[name](ours) for _ in range(2)][-1]  # so there are two of everything that is listed
        values = filters(ours, name, request.path)
        for parameter in query_parameters(name):
            value = values[parameter] or self._cursor(request)
            asked = Request("GET", f"{request.path}?{urlencode({parameter: value})}")
            owned = self.server.send(asked, signed_in(ours.owner))
            if not _succeeded(owned):
                found.append(f"?{parameter}: its owner is told {_told(owned)}")
            if _document(owned).get("data") == []:
                found.append(f"?{parameter} finds nothing: nothing is shown by what others see")
            for other in STRANGERS:
                reply = self._send_as(other, asked, secrets.token_hex(12))
                secret = secrets_in(owned, self.everybody) | {ours.canary}
                found += self._judged(name, f"{other} ?{parameter}", other, reply, secret)
        return found

    def _members(self, name: str) -> Iterator[str]:
        """Those who ask for their own: each with a request that is good."""
        for caller in TABLE.callers:
            world, expected = rightful(self.everybody, caller), TABLE.expected(name, caller)
            if world is None or expected is None or caller == "owner":
                continue  # the owner comes last: see _others
            request = REQUESTS[name](world)
            headers = headers_of(self.everybody, caller, world, TABLE.rows[name].needs)
            reply = self.server.send(request, headers)
            if _told(reply) != expected and not (expected == "yes" and _succeeded(reply)):
                yield f"{caller} is told {_told(reply)}, expected {expected}"
            if caller in set(Role) and request.method == "GET" and _succeeded(reply):
                owned = self.server.send(request, signed_in(world.owner))
                differing = set(_fields(reply.document)) ^ set(_fields(owned.document))
                if differing:
                    yield f"{caller} is not shown the fields that the owner is shown: {sorted(differing)}"

    def _others(self, name: str) -> Iterator[str]:
        """Those who reach for what is ours: all send one request, then its owner does, with success.

        Who may carry it out for themself (`own`) sends one of the same kind afterwards, with the key of the owner: the
        answer is stored under it by now.
        """
        ours = self.everybody.ours
        request, key = REQUESTS[name](ours), secrets.token_hex(12)
        expected = {caller: TABLE.expected(name, caller) for caller in OTHERS}
        refused = [caller for caller in OTHERS if expected[caller] not in {None, "own"}]
        replies = [(caller, self._send_as(caller, request, key)) for caller in refused]
        by_staff = list(self._staff_for_themselves(name, request))
        owned = self.server.send(request, signed_in(ours.owner), key=key)
        if not _succeeded(owned):
            yield f"the rightful owner is told {_told(owned)}: nothing is shown by what others are told"
        if _document(owned).get("data") == []:
            yield "the list of the rightful owner is empty: nothing is shown by what others see"
        replies += [(caller, self._send_as(caller, request, key)) for caller in STRANGERS if caller in refused]
        replies += [
            (caller, self._send_as(caller, REQUESTS[name](ours), key)) for caller in OTHERS if expected[caller] == "own"
        ]
        secret = secrets_in(owned, self.everybody) | {ours.canary}
        for caller, reply in replies:
            yield from self._judged(name, caller, caller, reply, secret)
        for caller, reply in by_staff:
            yield from self._judged(name, caller, "other_person", reply, secret)

    def _staff_for_themselves(self, name: str, request: Request) -> Iterator[tuple[str, Reply]]:
        """Let staff send our request and name no party, as any other person may: to read, or where an id is ours."""
        if TABLE.rows[name].foreign == "own" and request.method != "GET":
            return
        for role, acting in self.everybody.staff.items():
            alone = replace(acting, party_id=acting.user.own_party_id)
            yield f"staff_{role} for themself", self.server.send(request, signed_in(alone))

    def _send_as(self, caller: str, request: Request, key: str) -> Reply:
        made = OTHERS[caller](self.everybody)
        with made.meanwhile():
            return self.server.send(request, made.headers, key=key)

    def _mixed(self, name: str) -> Iterator[str]:
        """Somebody's own good request, with an id of others in each place that holds one; and one of nobody's."""
        if TABLE.rows[name].foreign == "own":
            return
        for who, own, headers, others in self._reaching(name):
            good = REQUESTS[name](own)
            for place, (foreign, _) in enumerate(zip(ids_of(REQUESTS[name](others)), ids_of(good), strict=True)):
                absent = identifiers.show(foreign[:3], identifiers.new())
                told = self.server.send(with_id(good, place, foreign), headers)
                nothing = self.server.send(with_id(good, place, absent), headers)
                yield from self._judged(
                    name, f"{who} with a foreign {foreign[:3]}", "other_person", told, {others.canary}
                )
                if _comparable(told) != _comparable(nothing):
                    yield f"{who}: a foreign {foreign[:3]} is told {_told(told)}, an absent one {_told(nothing)}"
            accepted = self.server.send(good, headers)
            if not _succeeded(accepted) and TABLE.rows[name].foreign == "404 not_found":
                yield f"{who}: the same request with own ids is told {_told(accepted)}"

    def _reaching(self, name: str) -> Iterator[tuple[str, World, dict[str, str], World]]:
        """Those who may send such a request for their own, and reach for what is others': who, where, how, whose."""
        ours, theirs, alone = self.everybody.ours, self.everybody.theirs, self.everybody.alone
        needed = TABLE.rows[name].needs
        yield "another owner", theirs, signed_in(theirs.owner), ours
        if TABLE.expected(name, "self") == "yes":
            yield "somebody for themself", alone, signed_in(alone.owner), ours
        if needed in roles.FOR_KEYS:
            yield "another's key", theirs, by_key(self.everybody, theirs, Permission(needed)), ours
        if TABLE.expected(name, "viewer") == "yes":
            viewer = ours.company.join(person("vera"), Role.VIEWER)
            yield "a viewer", replace(ours, sender=viewer), signed_in(viewer), theirs

    def _judged(self, name: str, label: str, caller: str, reply: Reply, secret: set[str]) -> Iterator[str]:
        expected = TABLE.expected(name, caller)
        if _told(reply) != expected and not (expected == "own" and _succeeded(reply)):
            yield f"{label} is told {_told(reply)}, expected {expected}"
        for word in sorted(secret):
            if word in reply.text or any(word in value for value in reply.headers.values()):
                yield f"{label} sees {word} of its owner"

    def _cursor(self, request: Request) -> str:
        """Return the cursor of the owner's own second page."""
        first = Request("GET", f"{request.path}?limit=1")
        reply = self.server.send(first, signed_in(self.everybody.ours.owner))
        return str(parse_qs(urlsplit(reply.document["next"]).query)["cursor"][0])


def naming(order: Request, party: str) -> Request:
    """Return an order that names another party."""
    said = orjson.dumps(order.body).decode()
    return replace(order, body=orjson.loads(NAMED.sub(f'\\1"{party}"', said)))


def query_parameters(name: str) -> list[str]:
    """Return the query parameters of an operation."""
    found = _described(name).get("parameters", [])
    return [parameter["name"] for parameter in found if parameter.get("in") == "query"]


def names_a_party(name: str) -> bool:
    """Tell whether an order names a party: somebody else's id is right there."""
    return not PARTIES.isdisjoint(openapi.fields_of_body(_described(name)))


def _described(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    found: dict[str, Any] = openapi.DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def secrets_in(reply: Reply, everybody: Cast) -> set[str]:
    """Return the ids in an owner's answer that are nobody else's business: those of parties to both are known."""
    known = {everybody.ours.ben.party, everybody.theirs.owner.party, everybody.erin.party}
    own = {key: value for key, value in _document(reply).items() if key not in OF_THE_REQUEST}
    return set(ID.findall(orjson.dumps(own).decode())) - known


def _succeeded(reply: Reply) -> bool:
    return 200 <= reply.status < 300


def _told(reply: Reply) -> str:
    return "yes" if _succeeded(reply) else f"{reply.status} {_document(reply).get('code', '')}".strip()


def _document(reply: Reply) -> dict[str, Any]:
    return reply.document if reply.text.startswith("{") else {}


def _fields(said: Any, at: str = "") -> Iterator[str]:
    """Yield the name of each field of an answer, with those that it is in."""
    if isinstance(said, dict):
        for name, value in said.items():
            yield f"{at}/{name}"
            yield from _fields(value, f"{at}/{name}")
    elif isinstance(said, list):
        for one in said:
            yield from _fields(one, at)


def _comparable(reply: Reply) -> tuple[int, dict[str, Any]]:
    return reply.status, {name: value for name, value in _document(reply).items() if name not in OF_THE_REQUEST}


def ids_of(request: Request) -> list[str]:
    """Return the ids in a request's path and body."""
    return ID.findall(_text(request))


def with_id(request: Request, place: int, id_: str) -> Request:
    """Return a request with another id in one of its places."""
    numbers = iter(range(len(ids_of(request))))
    method, path, body = orjson.loads(ID.sub(lambda found: id_ if next(numbers) == place else found[0], _text(request)))
    return Request(method, path, body, request.if_match)


def _text(request: Request) -> str:
    return orjson.dumps([request.method, request.path, request.body]).decode()
