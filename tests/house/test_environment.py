"""A machine that lacks something gets one sentence that names the cure, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once("mysql")

ROOT = Path(__file__).resolve().parents[2]

OLD_PYTHON = "sys.version_info = (3, 9, 2)"
NO_VENV = "sys.modules['ensurepip'] = None"


@pytest.mark.parametrize(
    ("planted", "cure"),
    [(OLD_PYTHON, "Python 3.11 or newer is needed, this is 3.9.2"), (NO_VENV, "apt install python3-venv")],
)
def test_it_is_one_sentence(planted: str, cure: str) -> None:
    program = (
        f"import runpy, sys; {planted}; sys.argv = ['environment.py', 'requirements.lock'];"
        " runpy.run_path('scripts/environment.py', run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=False)
    assert result.returncode == 1
    assert cure in result.stderr
    assert result.stderr.count("\n") == 1


def test_make_without_python_is_one_sentence() -> None:
    result = subprocess.run(
        ["make", "demo", "PYTHON=no-such-python"], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert result.returncode != 0
    assert "install Python 3.11 or newer" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("DATABASE_URL", "postgres://x", "DATABASE_URL must look like"),
        ("DATABASE_URL", "mysql://u@h:port/x", "DATABASE_URL is not a database address"),
        ("DEBUG", "perhaps", "DEBUG must be true or false"),
        ("LANE_QUEUE_MAX", "-1", "LANE_QUEUE_MAX must be a whole number"),
        ("SECRET_KEY", "", "SECRET_KEY is not set"),
        ("SECRET_KEY_FILE", "/no/such/file", "cannot be read"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be"),
        ("SECRET_KEY_FILE", "/bin/true", "which is no text in UTF-8"),
        ("DATABASE_URL", "mysql://u@h:0/x", "DATABASE_URL is not a database address"),
        ("DATABASE_URL", "sqlite:///a%00b", "unprintable characters"),
        ("LANE_QUEUE_MAX", "9" * 5000, "LANE_QUEUE_MAX must be a whole number"),
        ("ALLOWED_HOSTS", "http://x", "'http://x' is no host name"),
        ("ALLOWED_HOSTS", "127.0.0.1:8000", "'127.0.0.1:8000' is no host name"),
        ("ALLOWED_HOSTS", ",", "ALLOWED_HOSTS is empty"),
        ("PUBLIC_URL", "http://a b", "PUBLIC_URL must look like"),
        ("PUBLIC_URL", "http://a?b=1", "PUBLIC_URL must look like"),
        ("PUBLIC_URL", "http://u:p@a", "PUBLIC_URL must look like"),
        ("PUBLIC_URL", "http://a:70000", "PUBLIC_URL must look like"),
        ("CSRF_TRUSTED_ORIGINS", "example.org", "CSRF_TRUSTED_ORIGINS must look like"),
        ("CSRF_TRUSTED_ORIGINS", "https://a/b", "CSRF_TRUSTED_ORIGINS must look like"),
        ("EMAIL_FROM", "<<>>", "EMAIL_FROM must look like"),
        ("EMAIL_FROM", "nobody", "EMAIL_FROM must look like"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker", "KAFKA_BOOTSTRAP_SERVERS must look like host:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker:99999", "KAFKA_BOOTSTRAP_SERVERS must look like host:9092"),
        ("KAFKA_OPTIONS", "security.protocol", "'security.protocol' has no value"),
        ("ENCRYPTION_KEYS", "abc", "Key 1 of ENCRYPTION_KEYS is not base64 of 32 bytes"),
        ("SESSION_IDLE_S", "5", "SESSION_IDLE_S must be a whole number from 600"),
        ("KAFKA_TOPIC", "a b", "KAFKA_TOPIC must be 1 to 200 letters"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL must look like redis://"),
        ("REDIS_URL", "http://localhost:6379", "REDIS_URL must look like redis://"),
        ("REDIS_URL", "redis://", "REDIS_URL must look like redis://"),
        ("REDIS_URL", "redis://localhost:0", "REDIS_URL must look like redis://"),
        ("REDIS_URL", "redis://localhost/one", "REDIS_URL must look like redis://"),
        ("REDIS_URL", "redis://localhost/0?socket_timeout=60", "REDIS_URL must look like redis://"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_sentence(setting: str, value: str, sentence: str) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"SECRET_KEY": "x" * 50, "PATH": "/usr/bin", setting: value},
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("planted", ["None", "sys"])
def test_redis_without_its_package_is_one_sentence(planted: str) -> None:
    """The control is a start that finds something by that name."""
    program = f"import runpy, sys; sys.modules['redis'] = {planted}; sys.argv = ['manage.py', 'check'];"
    result = subprocess.run(
        [sys.executable, "-c", program + " runpy.run_path('manage.py', run_name='__main__')"],
        cwd=ROOT,
        env={"SECRET_KEY": "x" * 50, "PATH": "/usr/bin", "REDIS_URL": "rediss://ana:secret@[::1]:6380/2"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == (2 if planted == "None" else 0)
    assert ("the package redis is not installed" in result.stderr) == (planted == "None")
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr


URLS = ("mysql://nobody@127.0.0.1:9/x", "sqlite:////etc/passwd", "sqlite:////no/such/x.db")
COMMANDS = (
    "serve",
    "worker",
    "ledger verify",
    "treasury deposit ana 1 EUR --reason r",
    "wallets freeze acc_x --reason r",
    "create_admin --username boss --email boss@example.org",
    "rekey_addresses",
    "reseal",
    "second_factor take-away ana",
    "events parked",
    "migrate",
)


@pytest.mark.parametrize(
    ("command", "url"),
    [*((command, URLS[n % 3]) for n, command in enumerate(COMMANDS)), *(("migrate", url) for url in URLS[:2])],
)
def test_a_database_that_is_not_there_is_one_sentence(command: str, url: str) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", *command.split()],
        cwd=ROOT,
        env={"SECRET_KEY": "x" * 50, "PATH": "/usr/bin", "DATABASE_URL": url, "PAYSETTLE_ADMIN_PASSWORD": "y" * 20},
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1
    assert "cannot be used" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_server_without_keys_is_one_sentence(tmp_path: Path) -> None:
    environment = {"SECRET_KEY": "x" * 50, "PATH": "/usr/bin", "PAYSETTLE_VAR": str(tmp_path)}
    for command in ("migrate", "serve"):  # the books need no keys
        result = subprocess.run(
            [sys.executable, "manage.py", command, "--verbosity", "0"],
            cwd=ROOT,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
        )
    assert result.returncode == 1
    assert "run `manage.py jwt_keys create`" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("port", ["", "abc", "0", "65536", "8 0", "-1"])
def test_a_port_that_is_none_is_one_sentence(port: str) -> None:
    result = subprocess.run(["make", "demo", f"PORT={port}"], cwd=ROOT, text=True, capture_output=True, check=False)
    assert result.returncode != 0
    assert f"PORT must be a number from 1 to 65535, not '{port}'." in result.stdout


def test_make_alone_explains_the_verbs() -> None:
    result = subprocess.run(["make"], cwd=ROOT, text=True, capture_output=True, check=True)
    for verb in ("demo", "test", "run", "check", "fix", "lock", "test-long"):
        assert f"make {verb}" in result.stdout
