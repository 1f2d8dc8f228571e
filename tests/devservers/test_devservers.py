"""How servers are found, and what is said when they cannot be had."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devservers import commands, debian, maven, sql
from devservers.child import Child, free_ports, is_free
from devservers.errors import Unavailable
from devservers.fetch import fetch
from devservers.kafka import Kafka
from devservers.mariadb import MariaDB
from devservers.mysql import MySQL
from devservers.package_sources import Source, choose, read_sources
from devservers.redis import Redis
from devservers.server import Server
from devservers.sql import SqlServer
from tests.devservers.machine import WAIT_S, Answering, is_running, wait_until

pytestmark = pytest.mark.once

HOUSE = Path(__file__).parents[2]
OURS = (MariaDB, MySQL, Kafka, Redis)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Be on a machine with no tool at all and an empty cache; return the only folder on its PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("PAYSETTLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(sql, "SYSTEM_FOLDERS", ())
    return tools


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class TestAnAddressInTheEnvironment:
    """Another's server, named by an address, is used as it is, and never killed."""

    @pytest.mark.parametrize(
        ("server", "version"),
        [(MariaDB(), "11.8.3-MariaDB-1"), (MySQL(), "9.7.0"), (MySQL(), "8.4.6-6")],
    )
    def test_is_used_as_it_is(self, server: SqlServer, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sql, "ask", lambda _url: (version, Path("/elsewhere")))
        monkeypatch.setenv(server.address_variable, "mysql://ana:secret@db.example:3307/")
        with server:
            assert server.url == "mysql://ana:secret@db.example:3307/"
            assert server.version == version
            assert not server.is_ours

    @pytest.mark.parametrize(
        ("server", "version"),
        [(MySQL(), "10.11.6-MariaDB-0+deb12u1"), (MySQL(), "8.0.11-TiDB-v8.5.0"), (MariaDB(), "9.7.0")],
    )
    def test_counts_as_what_the_server_says_it_is(
        self, server: SqlServer, version: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sql, "ask", lambda _url: (version, Path("/elsewhere")))
        monkeypatch.setenv(server.address_variable, "mysql://db.example/")
        with pytest.raises(Unavailable, match=f"is {version}, not {server.title}".replace("+", r"\+")):
            server.start()

    @pytest.mark.parametrize("address", ["mysql://root@127.0.0.1:1/", "nonsense", "mysql://127.0.0.1:port/"])
    def test_must_answer(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_MARIADB_URL", address)
        with pytest.raises(Unavailable, match="TEST_MARIADB_URL does not answer"):
            MariaDB().start()

    @pytest.mark.parametrize(
        "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x03\0\0\0\x0a9\0", b"\x01\0\0\0\xff"]
    )
    def test_must_speak_the_protocol(self, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sql, "PING_TIMEOUT_S", 1)
        with Answering(answer) as port:
            monkeypatch.setenv("TEST_MARIADB_URL", f"mysql://root@127.0.0.1:{port}/")
            with pytest.raises(Unavailable, match="TEST_MARIADB_URL does not answer"):
                MariaDB().start()

    @pytest.mark.usefixtures("bare_machine")
    def test_of_kafka_is_asked_for_metadata(self, monkeypatch: pytest.MonkeyPatch) -> None:
        identity = b"cluster"
        answer = struct.pack(">iii", 7, 0, 0) + struct.pack(">h", len(identity)) + identity
        with Answering(struct.pack(">i", len(answer)) + answer) as port:
            monkeypatch.setenv("TEST_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
            with Kafka() as kafka:
                assert kafka.bootstrap_servers == f"127.0.0.1:{port}"

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", struct.pack(">ii", 4, 8)])
    def test_of_kafka_must_speak_its_protocol(self, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        with Answering(answer) as port:
            monkeypatch.setenv("TEST_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
            with pytest.raises(Unavailable, match="does not answer"):
                Kafka().start()

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"+OK\r\n"])
    def test_of_redis_must_speak_its_protocol(self, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        with Answering(answer) as port:
            monkeypatch.setenv("TEST_REDIS_URL", f"redis://127.0.0.1:{port}/0")
            with pytest.raises(Unavailable, match="TEST_REDIS_URL does not answer"):
                Redis().start()

    @pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "nonsense", "redis://127.0.0.1:port/0"])
    def test_of_redis_must_answer(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_REDIS_URL", address)
        with pytest.raises(Unavailable, match="TEST_REDIS_URL does not answer"):
            Redis().start()

    def test_belongs_to_someone_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sql, "ask", lambda _url: ("9.7.0", Path("/elsewhere")))
        monkeypatch.setenv("TEST_MYSQL_URL", "mysql://db.example/")
        with MySQL() as server:
            with pytest.raises(RuntimeError, match="not ours"):
                server.kill()
            with pytest.raises(RuntimeError, match="not ours"):
                server.restart()


class TestWhatCannotBeHad:
    """One sentence for a report says why."""

    @pytest.mark.parametrize(
        ("server", "reason"),
        [
            (
                MariaDB(),
                "MariaDB 11.8 cannot be fetched because apt-get is not on PATH; no mariadbd is on PATH either.",
            ),
            (
                MySQL(),
                "MySQL 9.7 cannot be fetched because apt-get is not on PATH; no mysqld is on PATH either.",
            ),
            (Kafka(), "Kafka needs Java 17 or newer, and no java is on PATH."),
            (
                Redis(),
                "Redis 8.0 cannot be fetched because apt-get is not on PATH; no redis-server is on PATH either.",
            ),
        ],
    )
    @pytest.mark.usefixtures("bare_machine")
    def test_is_told_in_one_sentence(self, server: Server, reason: str) -> None:
        with pytest.raises(Unavailable) as caught:
            server.start()
        assert caught.value.reason == reason

    def test_kafka_without_maven(self, bare_machine: Path) -> None:
        script(bare_machine / "java", "echo 'openjdk version \"21.0.1\" 2023-10-17' >&2")
        with pytest.raises(
            Unavailable, match=r"Maven \(mvn\) is not on PATH; no kafka-server-start.sh is on PATH either"
        ):
            Kafka().start()

    def test_kafka_with_an_old_java(self, bare_machine: Path) -> None:
        script(bare_machine / "java", "echo 'openjdk version \"11.0.20\" 2023-07-18' >&2")
        with pytest.raises(Unavailable, match=r"Java 17 or newer, and .*\"11\.0\.20"):
            Kafka().start()

    def test_mysqld_that_is_mariadb_in_disguise(self, bare_machine: Path) -> None:
        script(bare_machine / "mysqld", "echo 'mysqld  Ver 10.11.6-MariaDB for debian-linux-gnu'")
        with pytest.raises(Unavailable, match=r"mysqld is not MySQL, it says .*MariaDB"):
            MySQL().start()

    def test_redis_server_that_cannot_be_run(self, bare_machine: Path) -> None:
        script(bare_machine / "redis-server", "echo 'no such library' >&2; exit 127")
        with pytest.raises(Unavailable, match="redis-server cannot be run: no such library"):
            Redis().start()

    def test_source_that_cannot_be_reached(self, bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            debian, "debian_source", lambda: Source("http://127.0.0.1:1/debian", ("stable",), ("main",))
        )
        script(bare_machine / "apt-get", "echo 'E: Failed to fetch http://127.0.0.1:1/debian' >&2; exit 100")
        script(bare_machine / "dpkg", "exit 1")
        with pytest.raises(Unavailable, match="cannot be fetched: Failed to fetch http"):
            MariaDB().start()

    def test_jars_that_cannot_be_reached(self, bare_machine: Path) -> None:
        script(
            bare_machine / "mvn",
            "echo '[ERROR] Could not transfer artifact.'; echo '[ERROR] See above.'; exit 1",
        )
        with pytest.raises(Unavailable, match=r"cannot be fetched: Could not transfer artifact\.$"):
            maven.kafka_jars()

    def test_cache_that_cannot_be_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("PAYSETTLE_CACHE", str(tmp_path / "file" / "cache"))
        with pytest.raises(Unavailable, match="cannot be filled: Not a directory"):
            fetch("thing", lambda _folder: None, what="a thing")


class TestTheCache:
    """Filled once, whole or not at all."""

    @pytest.fixture(autouse=True)
    def _cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PAYSETTLE_CACHE", str(tmp_path))

    def test_is_filled_once_even_by_two_at_a_time(self, capsys: pytest.CaptureFixture[str]) -> None:
        filled = []

        def fill(folder: Path) -> None:
            filled.append(folder)
            time.sleep(0.2)
            (folder / "program").touch()

        threads = [threading.Thread(target=fetch, args=("thing", fill), kwargs={"what": "Thing 1"}) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(filled) == 1
        assert (fetch("thing", fill, what="Thing 1") / "program").exists()
        assert capsys.readouterr().err.count("Fetching Thing 1 into") == 1

    def test_tries_again_and_leaves_nothing_of_the_first_attempt(self) -> None:
        attempts = []

        def fill(folder: Path) -> None:
            attempts.append(list(folder.iterdir()))
            (folder / "half").touch()
            if len(attempts) == 1:
                raise Unavailable("The line broke.")

        folder = fetch("thing", fill, what="a thing")
        assert attempts == [[], []]
        assert sorted(file.name for file in folder.iterdir()) == ["done", "half"]

    def test_does_not_keep_what_failed(self, tmp_path: Path) -> None:
        def fill(_folder: Path) -> None:
            raise Unavailable("There is no line.")

        with pytest.raises(Unavailable, match="no line"):
            fetch("thing", fill, what="a thing")
        assert [file.name for file in tmp_path.iterdir()] == ["thing.lock"]

    def test_replaces_what_a_dead_process_left(self, tmp_path: Path) -> None:
        for name in ("thing", "thing.part"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "debris").touch()
        folder = fetch("thing", lambda _folder: None, what="a thing")
        assert [file.name for file in folder.iterdir()] == ["done"]


class TestThePackageSource:
    """Debian's own, told from others that look alike."""

    DEBIAN = Source("http://debian.example/debian", ("bookworm", "bookworm-updates"), ("main",))
    SECURITY = Source("http://debian.example/debian-security", ("bookworm-security",), ("main",))
    MIRROR = Source("mirror+file:///etc/apt/mirrors/debian.list", ("bookworm",), ("main", "contrib"))
    FOREIGN = Source("https://maria.example/11.4/debian", ("bookworm",), ("main",), "/etc/apt/keyrings/maria.asc")
    DOCKER = Source("https://docker.example/linux/debian", ("bookworm",), ("stable",))

    def test_is_debians_own(self) -> None:
        assert choose([self.FOREIGN, self.DOCKER, self.SECURITY, self.DEBIAN], codename="bookworm") == self.DEBIAN

    def test_may_be_a_mirror(self) -> None:
        assert choose([self.SECURITY, self.MIRROR], codename="bookworm") == self.MIRROR

    def test_may_be_missing(self) -> None:
        assert choose([self.SECURITY, self.DOCKER], codename="bookworm") is None

    def test_is_read_in_both_formats(self, tmp_path: Path) -> None:
        parts = tmp_path / "sources.list.d"
        parts.mkdir()
        (tmp_path / "sources.list").write_text(
            "# deb http://commented.example x main\n"
            "deb-src http://debian.example/debian bookworm main\n"
            "deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib # why\n"
        )
        (parts / "two.sources").write_text(
            "Types: deb deb-src\nURIs: http://two.example/debian\nSuites: sid\n# why\nComponents: main\n"
            "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
            "\nEnabled: no\nTypes: deb\nURIs: http://off.example\nSuites: sid\nComponents: main\n"
        )
        two, one = read_sources(tmp_path)
        assert one == Source("http://one.example/debian", ("bookworm",), ("main", "contrib"), "/k.gpg")
        assert two.signed_by.splitlines()[1:] == [" -----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " abc"]
        assert "Suites: trixie\n" in two.stanza(suite="trixie")


class TestOneChild:
    """A process of ours ends when it should, by any means."""

    def test_ends_with_its_owner_even_after_sigkill(self, tmp_path: Path) -> None:
        if not hasattr(os, "pidfd_open"):
            pytest.skip("only Linux can hand a process over")
        folder = tmp_path / "data"
        folder.mkdir()
        code = (
            "import sys, time; from pathlib import Path; from devservers.child import Child\n"
            "child = Child(['sleep', '60'], folder=Path(sys.argv[1])); print(child.pid, flush=True); time.sleep(60)"
        )
        owner = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], cwd=HOUSE, stdout=subprocess.PIPE, text=True
        )
        assert owner.stdout is not None
        with owner.stdout:
            pid = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        wait_until(lambda: not folder.exists())
        wait_until(lambda: not is_running(pid))

    def test_that_ignores_sigterm_is_killed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devservers.child.STOP_TIMEOUT_S", 0.2)
        child = Child(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], folder=tmp_path)
        wait_until(lambda: "ready" in child.log_tail())
        child.stop()
        assert not child.is_alive()
        child.stop()

    def test_ports_are_free_and_different(self) -> None:
        ports = free_ports(50)
        assert len(set(ports)) == 50
        with socket.create_server(("127.0.0.1", ports[0])):
            assert not is_free(ports[0])
        assert is_free(ports[0])


class TestCommands:
    """Programs that run to their end."""

    def test_that_take_too_long_end_with_their_children(self) -> None:
        with pytest.raises(commands.CommandFailed, match="Not done within"):
            commands.run(["sh", "-c", "sleep 60 & echo $!; wait"], timeout_s=0.3)

    @pytest.mark.parametrize(
        ("output", "line"),
        [
            ("Reading lists\nE: Unable to locate package x\nE: more", "Unable to locate package x"),
            ("\x1b[1m[INFO]\x1b[m hm\n\x1b[31m[ERROR]\x1b[m  No  plugin.\n", "No plugin"),
            ("2026-11-24  9:00:00 0 [ERROR] Can't start server\n2026-11-24 Aborting\n", "Can't start server"),
            ("[main] ERROR kafka.Kafka - Exiting\n\tat kafka.Kafka.main", "kafka.Kafka - Exiting"),
            ("ERROR: 1064 Syntax\nthere", "1064 Syntax"),
            ("one\ntwo\n\n", "two"),
            ("", "it said nothing"),
        ],
    )
    def test_are_summed_up_by_their_first_error(self, output: str, line: str) -> None:
        assert commands.essence(output) == line


@pytest.mark.usefixtures("bare_machine")
class TestTheCommandLine:
    """Run where no server can be had, which makes it quick."""

    @pytest.fixture
    def start(self) -> Iterator[Start]:
        started = []

        def start(*arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "devservers", "run", *arguments]
            process = subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            started.append(process)
            return process

        yield start
        for process in started:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize(
        ("code", "expected"), [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)]
    )
    def test_exits_as_the_command_does(self, start: Start, code: str, expected: int) -> None:
        process = start("kafka", "--", sys.executable, "-c", code)
        _, errors = process.communicate()
        assert process.returncode == expected
        assert errors == "Kafka is missing: Kafka needs Java 17 or newer, and no java is on PATH.\n"

    def test_tells_the_command_what_is_missing(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_MYSQL_URL", "mysql://127.0.0.1:1/")
        wanted = "key[:10] in ('TEST_KAFKA', 'TEST_MYSQL')"
        show = f"import os\nfor key in sorted(os.environ):\n  if {wanted}: print(key, os.environ[key])"
        output, _ = start("mysql", "kafka", "--", sys.executable, "-c", show).communicate()
        kafka, mysql = output.splitlines()
        assert kafka == "TEST_KAFKA_MISSING Kafka needs Java 17 or newer, and no java is on PATH."
        assert mysql.startswith("TEST_MYSQL_MISSING MySQL at TEST_MYSQL_URL does not answer")

    @pytest.mark.parametrize(
        ("options", "variable"),
        [((), "TEST_KAFKA_BOOTSTRAP_SERVERS"), (("--as-setting",), "KAFKA_BOOTSTRAP_SERVERS")],
    )
    def test_tells_the_command_what_is_there(
        self,
        start: Start,
        options: tuple[str, ...],
        variable: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        show = "import os; print([key for key in os.environ if 'KAFKA' in key])"
        answer = struct.pack(">iiih", 7, 0, 0, -1)
        with Answering(struct.pack(">i", len(answer)) + answer) as port:
            monkeypatch.setenv("TEST_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
            output, _ = start(*options, "kafka", "--", sys.executable, "-c", show).communicate()
        assert output == f"[{variable!r}]\n"

    def test_can_require_a_server(self, start: Start) -> None:
        process = start("--require", "kafka", "--", sys.executable, "-c", "print('never')")
        output, errors = process.communicate()
        assert (process.returncode, output) == (1, "")
        assert errors == "Kafka is missing: Kafka needs Java 17 or newer, and no java is on PATH.\n"

    def test_does_not_find_the_command(self, start: Start) -> None:
        process = start("kafka", "--", "no-such-command")
        assert "no-such-command cannot be run" in process.communicate()[1]
        assert process.returncode == 127

    @pytest.mark.parametrize("arguments", [(), ("kafka",), ("oracle", "--", "true"), ("--", "true")])
    def test_explains_itself(self, start: Start, arguments: tuple[str, ...]) -> None:
        process = start(*arguments)
        assert "SERVER [SERVER ...] -- COMMAND" in process.communicate()[1]
        assert process.returncode == 2

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_passes_signals_on(self, start: Start, number: signal.Signals) -> None:
        process = start("kafka", "--", sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)")
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.send_signal(number)
        assert process.wait(timeout=WAIT_S) == 128 + number
