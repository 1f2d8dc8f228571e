"""The browser of the suite: found, asked, or told in one sentence that it cannot be had."""

from pathlib import Path

import pytest

from devservers import chromium
from devservers.chromium import Chromium
from devservers.commands import run
from devservers.errors import Unavailable

pytestmark = pytest.mark.once


def program(path: Path, text: str) -> Path:
    """Make a program that says a text."""
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


def test_one_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = program(tmp_path / "browser", "Chromium 150.1.2 built on Debian")
    monkeypatch.setenv("TEST_CHROMIUM", str(path))
    found = Chromium()
    found.start()
    assert (found.address, found.version) == (str(path), "150.1.2")


@pytest.mark.parametrize("text", ["Hello", ""])
def test_it_must_say_that_it_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    monkeypatch.setenv("TEST_CHROMIUM", str(program(tmp_path / "browser", text)))
    with pytest.raises(Unavailable, match="is no Chromium"):
        Chromium().start()


def test_one_on_path_is_used_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "chromium", "Chromium 150.1.2")
    monkeypatch.delenv("TEST_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = Chromium()
    found.start()
    assert found.address == str(tmp_path / "chromium")


def test_a_machine_that_can_fetch_none_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEST_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PAYSETTLE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(Unavailable, match="Chromium cannot be fetched because apt-get is not on PATH"):
        Chromium().start()


def test_the_starter_runs_the_unpacked_program_with_what_the_machine_lacks(tmp_path: Path) -> None:
    libraries, folder = tmp_path / "usr/lib/some-linux-gnu", tmp_path / "usr/lib/chromium"
    libraries.mkdir(parents=True)
    folder.mkdir()
    shown = folder / "chromium-headless-shell"
    shown.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH $XDG_DATA_HOME $1"\n')
    shown.chmod(0o755)
    starter = tmp_path / "chromium"
    starter.write_text(chromium.STARTER)
    starter.chmod(0o755)
    said = run([starter, "one argument"], timeout_s=10)
    libraries_said, fonts, argument = said.strip().split(" ", 2)
    assert libraries_said.rstrip(":").split(":")[-1] == str(libraries)
    assert (fonts, argument) == (str(tmp_path / "usr/share"), "one argument")
