"""The demo: one server and one worker on SQLite, and the story told to them."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from paysettle.commands import story
from paysettle.commands.processes import end_with_parent
from paysettle.commands.start import require_port
from paysettle.commands.story import Say
from paysettle.identity import one_time_codes
from paysettle.identity.models import User
from paysettle.identity.operations import registration, second_factors
from paysettle.identity.roles import StaffRole
from paysettle.web.pages import DEMO_SIGN_INS

START_S = 30
STOP_S = 10

STAFF = ("admin", "the demo has no secrets")


def run(*, host: str, port: int, say: Say) -> None:
    """Bring everything up, tell the story the first time, and stay until Ctrl-C.

    Raises CommandError when something is in the way: a port that is taken, a process that does not start.
    """
    if settings.SECOND_FACTOR_FOR_ALL:
        raise CommandError("The people of the demo have no second factor: run it without SECOND_FACTOR_FOR_ALL.")
    require_port(host, port)
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with _alone():
        _run(host, port, say)


def _run(host: str, port: int, say: Say) -> None:
    call_command("migrate", verbosity=0)
    _make_staff()
    address = f"http://{host}:{port}"
    told = settings.VAR_DIR / "story-told"
    with _running("serve", "--host", host, "--port", str(port)) as serve, _running("worker") as worker:
        _wait_until_ready(address, serve)
        say(f"Server and worker are running; their logs are in {settings.VAR_DIR}.")
        if told.exists():
            say("The story was told already; `make demo-reset` starts over.")
        else:
            story.tell(address, say)
            told.touch()
        _write_sign_ins()
        _say_where(address, say)
        _stay(serve, worker)


@contextmanager
def _running(verb: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command of this project as a process of its own; end it with the block."""
    log = settings.VAR_DIR / f"{verb}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, "manage.py", verb, *arguments],
            cwd=settings.BASE_DIR,
            env=os.environ,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the demo, which ends them in order
            preexec_fn=end_with_parent,  # noqa: PLW1509 - one system call
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the demo's folder; raise CommandError while another demo does."""
    with (settings.VAR_DIR / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError(f"A demo is running in {settings.VAR_DIR} already: end it first.") from None
        yield


def reset() -> None:
    """Forget the demo's data; raise CommandError while a demo is running."""
    if settings.VAR_DIR.exists():
        with _alone():
            shutil.rmtree(settings.VAR_DIR)


def _wait_until_ready(address: str, serve: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and serve.poll() is None:
        try:
            if urllib3.request("GET", f"{address}/readyz", retries=False, timeout=2).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    raise CommandError(f"The server did not start: see {settings.VAR_DIR / 'serve.log'}.")


def _make_staff() -> None:
    username, password = STAFF
    if not User.objects.filter(username=username).exists():
        email = f"{username}@demo.example"
        role = StaffRole.ADMINISTRATOR
        staff = registration.register(handle=username, email=email, password=password, verified=True, staff_role=role)
        secret = one_time_codes.new_secret()
        second_factors.add(by=staff, secret=secret, code=one_time_codes.current(secret))


def _sign_ins() -> list[dict[str, str]]:
    people = [{"who": name, "username": handle, "password": secret} for name, (handle, secret) in story.CAST.items()]
    return [*people, {"who": "Staff (at /admin/)", "username": STAFF[0], "password": STAFF[1]}]


def _write_sign_ins() -> None:
    (settings.VAR_DIR / DEMO_SIGN_INS).write_text(json.dumps(_sign_ins()), encoding="utf-8")


def _say_where(address: str, say: Say) -> None:
    say(f"\nOpen {address} — API: {address}/api/docs/ — staff: {address}/admin/")
    say("Sign-ins:")
    for row in _sign_ins():
        say(f"  {row['who']:<20} {row['username']:<8} {row['password']}")
    say("Staff are asked for a code as well, which this shows:")
    say(f"  PAYSETTLE_DEMO=1 PAYSETTLE_VAR={settings.VAR_DIR} .venv/bin/python manage.py totp_code {STAFF[0]}")
    say("Ctrl-C ends the demo; its data stays.")


def _stay(*processes: "subprocess.Popen[bytes]") -> None:
    """Wait for Ctrl-C; raise CommandError when a process ends by itself."""
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
    raise CommandError(f"A process of the demo has ended: see the logs in {settings.VAR_DIR}.")
