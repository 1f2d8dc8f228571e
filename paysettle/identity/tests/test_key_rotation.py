"""The keys that sign access tokens turn over without signing anybody out."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from paysettle.identity import checks, jwt_keys
from paysettle.identity.tests.app_client import App, at_once
from paysettle.identity.tests.people import person


@pytest.fixture
def key_file(tmp_path: Path) -> Iterator[Path]:
    """Use keys of this test's own."""
    with override_settings(JWT_KEYS_FILE=str(tmp_path / "keys" / "jwt.json")):
        call_command("jwt_keys", "create", verbosity=0)
        yield jwt_keys.path()


def kids(path: Path) -> list[str]:
    return [key["kid"] for key in json.loads(path.read_text())["keys"]]


def test_an_old_token_outlives_rotation_and_dies_with_retirement(key_file: Path) -> None:
    app = person("ana").app()
    (old,) = kids(key_file)

    call_command("jwt_keys", "rotate")
    new, second = kids(key_file)
    assert second == old
    assert app.me().status == 200
    before = app.access_token
    app.refresh()
    assert app.me().status == 200

    call_command("jwt_keys", "retire")
    assert kids(key_file) == [new]
    assert app.me().status == 200
    assert app.me(before).code == "invalid_token"


def test_control_a_cached_key_would_not_rotate(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the file is read once. Then a retired key goes on being good."""
    app = person("ana").app()
    stamp = jwt_keys._stamp()
    monkeypatch.setattr(jwt_keys, "_stamp", lambda: stamp)
    call_command("jwt_keys", "rotate")
    call_command("jwt_keys", "retire")
    assert app.me().status == 200
    del key_file


def test_the_file_is_its_owners_alone(key_file: Path) -> None:
    for verb in ("rotate", "retire"):
        call_command("jwt_keys", verb)
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [entry.name for entry in key_file.parent.iterdir()] == [key_file.name]


def test_create_never_overwrites(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(CommandError, match="already"):
        call_command("jwt_keys", "create")
    assert key_file.read_bytes() == before


def test_of_several_processes_that_start_at_once_one_makes_the_key(tmp_path: Path) -> None:
    with override_settings(JWT_KEYS_FILE=str(tmp_path / "jwt.json")):
        assert sorted(at_once(*[jwt_keys.create] * 8)) == [False] * 7 + [True]


def test_a_missing_file_is_one_sentence_in_production_and_made_in_development(tmp_path: Path) -> None:
    with override_settings(JWT_KEYS_FILE=str(tmp_path / "none.json"), DEBUG=False, DEMO=False):
        (error,) = checks.jwt_keys_are_usable()
        assert "manage.py jwt_keys create" in error.msg
    with override_settings(JWT_KEYS_FILE=str(tmp_path / "none.json"), DEMO=True):
        assert checks.jwt_keys_are_usable() == []
        assert jwt_keys.path().exists()


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AAAA", "kid": "1"}]}', '{"keys": [1]}'],
)
def test_a_file_that_is_no_key_set_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "jwt.json"
    file.write_text(text)
    with override_settings(JWT_KEYS_FILE=str(file)):
        (error,) = checks.jwt_keys_are_usable()
        assert str(file) in error.msg


def test_a_file_that_breaks_later_does_not_stop_the_service(key_file: Path) -> None:
    app = person("ana").app()
    good = key_file.read_bytes()
    key_file.write_text("half a fi")
    assert app.me().status == 200
    key_file.unlink()
    assert app.me().status == 200
    key_file.write_bytes(good)
    os.utime(key_file, ns=(1, 1))
    assert app.me().status == 200


def test_the_public_keys_are_published_and_nothing_else(key_file: Path) -> None:
    call_command("jwt_keys", "rotate")
    answer = App().call("GET", "/.well-known/jwks.json")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert [key["kid"] for key in answer.json["keys"]] == kids(key_file)
    for key in answer.json["keys"]:
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
