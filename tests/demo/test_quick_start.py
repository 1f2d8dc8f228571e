"""The demo tells its story, and the commands of the README work as they stand, against a started demo."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import free_port

pytestmark = pytest.mark.once("mysql")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300


class Demo:
    """`manage.py demo` as `make demo` runs it, with its own folder and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output.txt"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "SECRET_KEY", "JWT_KEYS_FILE", "KAFKA_BOOTSTRAP_SERVERS", "EMAIL_URL"}
        }
        self.environment |= {
            "PAYSETTLE_DEMO": "1",
            "PAYSETTLE_VAR": str(folder),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }

    def start(self) -> None:
        """Start it and wait until it stays."""
        started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        while "Ctrl-C ends the demo" not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < started + PATIENCE_S, self.output.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=30) == 0, self.output.read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo"))
    running.start()
    yield running
    running.stop()


def test_the_story_is_told(demo: Demo) -> None:
    told = demo.output.read_text()
    for line in (
        "Ana pays Ben 12.50 EUR for “Lunch”: 201",
        "422 insufficient_funds",
        "Ana holds 60.00 EUR for Dov: 201 authorised",
        "Dov delivers a first part and captures 20.00 EUR: 200 authorised",
        "what is left goes back: 200 completed",
        "Dov refunds 5.00 EUR: 201 ref_",
        "2 paid, 1 refused",
        "Dov 900.00 EUR: 422 insufficient_funds",
        "Ben approves, and the money moves: 200 settled",
        "Dov rejects it, “That was the cat”: 200 rejected",
        "mail to ben@demo.example: ana paid you 12.50 EUR",
        "ok        2  The moves of each settlement",
        "manage.py totp_code admin",
    ):
        assert line in told


def test_the_quick_start_and_what_follows_it_work_as_they_stand(demo: Demo) -> None:
    """In one shell, as a reader would type it: "Companies and roles" goes on where the quick start ends."""
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("## Quick start") : readme.index("## The API")]
    assert "## Companies and roles" in section
    script = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    script = script.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{demo.port}")
    script = script.replace("var/demo", str(demo.folder)).replace(".venv/bin/python", sys.executable)
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=demo.environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for line in ('"decimal":"12.50"', "idempotent-replayed: true", "settled", "67.50", "The books are right."):
        assert line in result.stdout, result.stdout + result.stderr
    assert re.search(r"^curl\n[1-9]\n[0-9]{6}$", result.stdout, re.MULTILINE), "a device, a count, the code of staff"
    assert result.stdout.splitlines()[-19:] == [
        "open",
        "payer",
        "padaria",
        "Your role in this party does not allow this. It needs the permission settle.decide.",
        "settled",
        "padaria",
        "revoked",
        "invalid_api_key",
        "10.00",
        "Europe/Lisbon",
        "not_permitted",
        "completed",
        "not_your_party",
        "last_owner",
        "True",
        "ana",
        "match",
        "ana",
        "wallet_not_empty",
    ]


def test_started_again_it_keeps_its_data_and_tells_no_story(demo: Demo) -> None:
    demo.stop()
    demo.start()
    assert "The story was told already" in demo.output.read_text()


def test_a_port_that_is_taken_is_one_sentence(demo: Demo) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "demo", "--port", str(demo.port)],
        cwd=ROOT,
        env=demo.environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert "cannot be used: Address already in use. Choose another port." in result.stderr
    assert "Traceback" not in result.stderr
