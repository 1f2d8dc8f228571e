"""Attacks on the access token.

Every row is refused by the API. Its control takes the one check away that the row is about, and then the same token
gets in: so the row is refused by that check, and would notice its loss.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import RequestFactory
from joserfc import jws

from paysettle.api.problems import Unauthenticated
from paysettle.identity import authentication, jwt_keys, standing, tokens
from paysettle.identity.authentication import BadActingParty
from paysettle.identity.caller import Caller
from paysettle.identity.models import RefreshToken
from paysettle.identity.operations import passwords, people, sessions
from paysettle.identity.tests.app_client import App
from paysettle.identity.tests.forged_tokens import es256, header, hs256, ours, rs256, stranger, unsigned
from paysettle.identity.tests.people import Person, person
from paysettle.identity.tokens import AccessToken
from paysettle.kernel import identifiers

pytestmark = pytest.mark.shared

Claims = dict[str, Any]
Removal = Callable[[pytest.MonkeyPatch], None]


def claims_of(victim: Person, **changes: Any) -> Claims:
    """Return the claims of a valid token, changed; a claim that is None is left out."""
    now_s = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": settings.PUBLIC_URL,
        "aud": tokens.AUDIENCE,
        "sub": identifiers.show("usr", victim.user.id),
        "party": identifiers.show("par", victim.user.own_party_id),
        "sid": identifiers.show("ses", victim.session.id),
        "jti": "tok_1",
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 300,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def shifted(victim: Person, seconds: int) -> Claims:
    """Return the claims of a token that is so many seconds younger than now."""
    claims = claims_of(victim)
    return {**claims, **{name: claims[name] + seconds for name in ("iat", "nbf", "exp")}}


def twice(victim: Person, name: str, first: str) -> str:
    """Return claims as text in which one name stands twice."""
    return json.dumps(claims_of(victim)).replace("{", f'{{"{name}": "{first}", ', 1)


# --- What a planted bug takes away ------------------------------------------------------------------------------


def no_signature_check(patch: pytest.MonkeyPatch) -> None:
    """Believe whatever the middle part says."""

    def believe(token: str, _keys: jwt_keys.Keys) -> Claims:
        middle = token.split(".")[1]
        found: Claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return found

    patch.setattr(tokens, "_signed_claims", believe)


def no_time_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tokens, "_check_times", lambda _found, _now: None)


def times_of_any_type(patch: pytest.MonkeyPatch) -> None:
    """Take whatever stands there, and do not look at it."""
    patch.setattr(tokens, "_moment_s", lambda claims, name: int(claims[name]))
    no_time_check(patch)


def no_addressee_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tokens, "_check_addressee", lambda _claims, _issuer: None)


def no_length_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tokens, "LENGTH_MAX", 10**9)
    patch.setattr(jws.default_registry, "max_payload_length", 10**9)  # the library has a limit too


def duplicates_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tokens, "_without_duplicates", dict)


def no_question_to_the_database(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(standing, "check", lambda *_, **__: None)


def any_token_of_ours(patch: pytest.MonkeyPatch) -> None:
    """Take every token that we gave out for an access token."""

    def by_digest(token: str, now: datetime) -> AccessToken:
        found = RefreshToken.objects.select_related("session__user")
        session = found.get(digest=hashlib.sha256(token.encode()).digest()).session
        return AccessToken(
            user_id=session.user_id, session_id=session.id, party_id=session.user.own_party_id, expires_at=now
        )

    patch.setattr(tokens, "verify_access_token", by_digest)


# --- The attacks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attack:
    """A token, what the victim did before, how the API refuses it, and the check that refuses it."""

    name: str
    token: Callable[[Person], str]
    without: Removal
    before: Callable[[Person], None] = field(default=lambda _victim: None)
    code: str = "invalid_token"


def exchanged(victim: Person) -> str:
    """Put the victim's claims between the header and the signature of a token of our own."""
    head, _, signature = valid(person("eve")).split(".")
    return f"{head}.{valid(victim).split('.')[1]}.{signature}"


def hmac_for(alg: str) -> Callable[[Person], str]:
    """Return how to make a token whose HMAC takes our public key, which everybody knows, for the secret."""
    return lambda victim: hs256(header(alg=alg), claims_of(victim), ours().as_pem(private=False))


def valid(victim: Person) -> str:
    return es256(header(), claims_of(victim))


def disable(victim: Person) -> None:
    people.disable(by=Caller(party_id=identifiers.SYSTEM, operator="tests"), user_id=victim.user.id, reason="test")


def change_password(victim: Person) -> None:
    passwords.change(by=victim.user, password="another horse battery staple", keep_session=None)


def sign_out(victim: Person) -> None:
    sessions.end_with_django_session(bytes(victim.session.django_session))


HEADERS_WITH_KEYS = {
    "jwk header": lambda key: {"jwk": key.as_dict(private=False)},
    "jku header": lambda _key: {"jku": "https://attacker.example/jwks.json"},
    "x5u header": lambda _key: {"x5u": "https://attacker.example/cert.pem"},
    "x5c header": lambda _key: {"x5c": ["MIIB"]},
    "crit header": lambda _key: {"crit": ["exp"]},
}


def with_header(make: Callable[[Any], dict[str, Any]]) -> Callable[[Person], str]:
    def token(victim: Person) -> str:
        key = stranger()
        return es256(header(**make(key)), claims_of(victim), key)

    return token


KIDS = {
    "kid with a path": "../../../../dev/null",
    "kid with SQL": "x' UNION SELECT 'secret' --",
    "kid unknown": "unknown",
    "kid empty": "",
    "kid a list": ["x"],
    "kid missing": None,
}


def with_kid(kid: Any) -> Callable[[Person], str]:
    def token(victim: Person) -> str:
        head = header(kid=kid)
        if kid is None:
            del head["kid"]
        return es256(head, claims_of(victim), stranger())

    return token


ATTACKS = [
    Attack("alg none", lambda v: unsigned(header(alg="none"), claims_of(v)) + "AA", no_signature_check),
    Attack("alg None, no signature", lambda v: unsigned(header(alg="None"), claims_of(v)), no_signature_check),
    Attack("signature cut off", lambda v: valid(v).rpartition(".")[0] + ".", no_signature_check),
    Attack("HS256 with our public key", hmac_for("HS256"), no_signature_check),
    Attack("ES256 named, HMAC with our public key", hmac_for("ES256"), no_signature_check),
    Attack("RS256", lambda v: rs256(header(alg="RS256"), claims_of(v)), no_signature_check),
    Attack("another key under our kid", lambda v: es256(header(), claims_of(v), stranger()), no_signature_check),
    Attack("claims exchanged", exchanged, no_signature_check),
    *(Attack(name, with_kid(kid), no_signature_check) for name, kid in KIDS.items()),
    *(Attack(name, with_header(make), no_signature_check) for name, make in HEADERS_WITH_KEYS.items()),
    Attack("jku header, our key", lambda v: es256(header(jku="https://x.example"), claims_of(v)), no_signature_check),
    Attack("typ JWT", lambda v: es256(header(typ="JWT"), claims_of(v)), no_signature_check),
    Attack("typ missing", lambda v: es256({"alg": "ES256", "kid": ours().kid}, claims_of(v)), no_signature_check),
    Attack("wrong iss", lambda v: es256(header(), claims_of(v, iss="https://other.example")), no_addressee_check),
    Attack("no iss", lambda v: es256(header(), claims_of(v, iss=None)), no_addressee_check),
    Attack("wrong aud", lambda v: es256(header(), claims_of(v, aud="another-service")), no_addressee_check),
    Attack("aud a list", lambda v: es256(header(), claims_of(v, aud=["paysettle", "x"])), no_addressee_check),
    Attack("no aud", lambda v: es256(header(), claims_of(v, aud=None)), no_addressee_check),
    Attack("expired", lambda v: es256(header(), shifted(v, -331)), no_time_check),
    Attack("nbf in the future", lambda v: es256(header(), claims_of(v, nbf=_in(60))), no_time_check),
    Attack("iat in the future", lambda v: es256(header(), shifted(v, 60)), no_time_check),
    Attack("exp a text", lambda v: es256(header(), claims_of(v, exp=True)), times_of_any_type),
    Attack("lives for a year", lambda v: es256(header(), claims_of(v, exp=_in(365 * 86400))), no_time_check),
    Attack("claims twice", lambda v: es256(header(), twice(v, "sub", "usr_x")), duplicates_taken),
    Attack("header twice", lambda v: es256(_alg_twice(), claims_of(v)), duplicates_taken),
    Attack("100 kB", lambda v: es256(header(), claims_of(v, padding="x" * 100_000)), no_length_limit),
    Attack("a refresh token", lambda v: v.app().refresh_token, any_token_of_ours),
    Attack("a disabled person", valid, no_question_to_the_database, disable, "session_ended"),
    Attack("a changed password", valid, no_question_to_the_database, change_password, "session_ended"),
    Attack("signed out", valid, no_question_to_the_database, sign_out, "session_ended"),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_is_refused(attack: Attack) -> None:
    victim = person("vic")
    token = attack.token(victim)
    attack.before(victim)
    answer = App().me(token)
    assert (answer.status, answer.code) == (401, attack.code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_control_the_attack_succeeds_without_its_check(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails, the row above proves nothing: the token is refused for another reason than it says."""
    victim = person("vic")
    token = attack.token(victim)
    attack.before(victim)
    attack.without(monkeypatch)
    assert App().me(token).status == 200


def test_a_token_without_exp_is_refused() -> None:
    """It has no control row: without the check of times it falls over the missing claim itself."""
    assert App().me(es256(header(), claims_of(person("vic"), exp=None))).code == "invalid_token"


def test_the_same_token_unchanged_is_taken() -> None:
    """The forger makes good tokens when it is asked to: the attacks differ from them in one thing each."""
    assert App().me(valid(person("vic"))).status == 200


def test_a_token_is_taken_within_the_leeway() -> None:
    victim = person("vic")
    assert App().me(es256(header(), shifted(victim, -320))).status == 200
    assert App().me(es256(header(), shifted(victim, 20))).status == 200


def test_the_hot_route_refuses_the_same_without_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    victim = person("vic")
    forged = [attack.token(victim) for attack in ATTACKS if attack.code == "invalid_token"]
    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", _no_database)
    for token in forged:
        request = RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
        with pytest.raises(tokens.InvalidToken):
            authentication.bearer_caller(request)
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {valid(victim)}"})
    assert authentication.bearer_caller(request) == replace(victim.caller, as_oneself=True)
    with pytest.raises(Unauthenticated):
        authentication.bearer_caller(RequestFactory().get("/"))


def test_without_a_token_the_answer_says_so() -> None:
    answer = App().call("GET", "/api/v1/me")
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert App().call("GET", "/api/v1/me", Authorization="Basic eDp5").code == "unauthenticated"
    assert App().me("").code == "invalid_token"


def test_acting_for_another_party_needs_a_membership() -> None:
    ana, ben = person("ana"), person("ben")
    app = ana.app()
    own, other = (identifiers.show("par", p.user.own_party_id) for p in (ana, ben))
    assert app.me(**{"Acting-Party": own}).json["acting_party"] == own
    refused = app.me(**{"Acting-Party": other})
    assert (refused.status, refused.code) == (403, "not_your_party")
    for nonsense in ("", "par_x", own.upper(), identifiers.show("usr", ana.user.own_party_id)):
        answer = app.me(**{"Acting-Party": nonsense})
        assert (answer.status, answer.code) == (400, BadActingParty.code)


def test_control_without_the_question_anybody_acts_for_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the membership is not asked for."""
    no_question_to_the_database(monkeypatch)
    other = identifiers.show("par", person("ben").user.own_party_id)
    assert person("ana").app().me(**{"Acting-Party": other}).status == 200


def _alg_twice() -> str:
    return json.dumps(header()).replace("{", '{"alg": "none", ', 1)


def _in(seconds: int) -> int:
    return int(datetime.now(UTC).timestamp()) + seconds


def _no_database(*_: Any) -> None:
    raise AssertionError("the database was asked")
