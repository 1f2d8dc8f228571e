"""How servers are found, what is said when they cannot be had, and how they come back after kill -9."""

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

import pymysql
import pytest
from confluent_kafka import Consumer, Producer

from devservers import commands, debian, maven, sql
from devservers.child import Child, free_ports, is_free
from devservers.errors import Unavailable
from devservers.fetch import fetch
from devservers.kafka import Kafka
from devservers.mariadb import MariaDB
from devservers.mysql import MySQL
from devservers.package_sources import Source, choose, read_sources
from devservers.server import Server
from devservers.sql import SqlServer

pytestmark = pytest.mark.once

HOUSE = Path(__file__).parents[2]
OURS = (MariaDB, MySQL, Kafka)
WAIT_S = 20.0

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget servers that this suite itself runs beside: they are not the ones to test."""
    for server in OURS:
        monkeypatch.delenv(server.address_variable, raising=False)
        monkeypatch.delenv(server.missing_variable, raising=False)


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


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


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

    def test_belongs_to_someone_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sql, "ask", lambda _url: ("9.7.0", Path("/elsewhere")))
        monkeypatch.setenv("TEST_MYSQL_URL", "mysql://db.example/")
        with MySQL() as server:
            with pytest.raises(RuntimeError, match="not ours"):
                server.kill()
            with pytest.raises(RuntimeError, match="not ours"):
                server.restart()


class Answering:
    """A listener that gives the same answer to whoever connects."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        port: int = self._socket.getsockname()[1]
        return port

    def _serve(self) -> None:
        try:
            while True:
                connection, _ = self._socket.accept()
                with connection:
                    connection.sendall(self._answer)
        except OSError:
            pass  # closed

    def __exit__(self, *_: object) -> None:
        self._socket.close()


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


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped by a stranger does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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


def started(server: Server) -> None:
    """Start a real server, or skip and say why."""
    try:
        server.start()
    except Unavailable as error:
        pytest.skip(error.reason)


def connect(server: SqlServer) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(host="127.0.0.1", port=int(server.url.rstrip("/").rpartition(":")[2]), user="root")


@pytest.fixture(name="server", scope="module", params=[MariaDB, MySQL])
def _server(request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    server: SqlServer = request.param()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(server.address_variable, raising=False)
        started(server)
    yield server
    server.stop()


@pytest.fixture(name="kafka", scope="module")
def _kafka() -> Iterator[Kafka]:
    kafka = Kafka()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(kafka.address_variable, raising=False)
        started(kafka)
    yield kafka
    kafka.stop()


@pytest.mark.slow
class TestRealDatabases:
    """MariaDB and MySQL, really started."""

    def test_is_of_its_kind(self, server: SqlServer) -> None:
        assert ("MariaDB" in server.version) == isinstance(server, MariaDB)
        assert server.url.startswith("mysql://root@127.0.0.1:")

    def test_keeps_what_was_committed_through_kill_9(self, server: SqlServer) -> None:
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE books")
            cursor.execute("CREATE TABLE books.entry (amount_minor BIGINT NOT NULL CHECK (amount_minor > 0))")
            cursor.execute("INSERT INTO books.entry VALUES (1250)")
            connection.commit()
            cursor.execute("INSERT INTO books.entry VALUES (999)")
            url, pid = server.url, server.pid
            server.kill()
            with pytest.raises(pymysql.err.OperationalError):
                cursor.execute("SELECT 1")
        server.restart()
        assert server.url == url
        assert server.pid != pid
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT amount_minor FROM books.entry")
            assert cursor.fetchall() == ((1250,),)

    def test_restarts_in_order_too(self, server: SqlServer) -> None:
        server.restart()
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)

    def test_has_the_settings_that_tests_and_benchmarks_count_on(self, server: SqlServer) -> None:
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT @@innodb_flush_log_at_trx_commit, @@innodb_lock_wait_timeout, @@innodb_rollback_on_timeout,"
                " @@max_connections, @@innodb_buffer_pool_size, @@character_set_server, @@time_zone, @@log_bin"
            )
            log_bin = int(isinstance(server, MySQL))
            assert cursor.fetchone() == (1, 4, 1, 400, 256 * 1024 * 1024, "utf8mb4", "+00:00", log_bin)

    def test_lets_an_ordinary_user_create_triggers(self, server: SqlServer) -> None:
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE shop")
            cursor.execute("CREATE USER ana@localhost IDENTIFIED BY 'secret'")
            cursor.execute("GRANT ALL ON shop.* TO ana@localhost")
        port = int(server.url.rstrip("/").rpartition(":")[2])
        with (
            pymysql.connect(host="127.0.0.1", port=port, user="ana", password="secret", database="shop") as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("CREATE TABLE entry (id INT)")
            cursor.execute("CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry FOR EACH ROW SIGNAL SQLSTATE '45000'")
            cursor.execute("INSERT INTO entry VALUES (1)")
            with pytest.raises(pymysql.err.OperationalError):
                cursor.execute("DELETE FROM entry")

    def test_is_not_taken_for_the_other_kind(self, server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
        other = MySQL() if isinstance(server, MariaDB) else MariaDB()
        monkeypatch.setenv(other.address_variable, server.url)
        with pytest.raises(Unavailable, match=f"not {other.title}"):
            other.start()

    def test_is_used_by_address(self, server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(server.address_variable, server.url)
        with type(server)() as same:
            assert (same.url, same.version, same.is_ours) == (server.url, server.version, False)
        assert connect(server).open

    def test_takes_another_port_if_one_is_snatched_away(
        self, server: SqlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Answering(b"") as taken:
            ports = iter([(taken,), free_ports(1)])
            monkeypatch.setattr("devservers.server.free_ports", lambda _count: next(ports))
            with type(server)() as another:
                assert not another.url.endswith(f":{taken}/")

    def test_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: SqlServer) -> None:
        # A long path as well: the socket's name may have but a hundred characters.
        folder = tmp_path / ("deep" * 25)
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        with type(server)() as another:
            pid = another.pid
            assert len(list(folder.iterdir())) == 1
        assert list(folder.iterdir()) == []
        assert not is_running(pid)


@pytest.mark.slow
class TestARealBroker:
    """Kafka, really started."""

    def test_keeps_what_was_acknowledged_through_kill_9(self, kafka: Kafka) -> None:
        produce(kafka, [b"one", b"two"])
        address = kafka.bootstrap_servers
        kafka.kill()
        kafka.restart()
        assert kafka.bootstrap_servers == address
        produce(kafka, [b"three"])
        assert sorted(consume(kafka, 3)) == [b"one", b"three", b"two"]

    def test_is_used_by_address(self, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        with Kafka() as same:
            assert not same.is_ours

    def test_keeps_its_data_in_its_own_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        kafka = Kafka()
        started(kafka)
        (folder,) = tmp_path.iterdir()
        assert (folder / "data" / "meta.properties").exists()
        assert list((folder / "data").glob("__cluster_metadata-0/*.log"))
        kafka.stop()
        assert list(tmp_path.iterdir()) == []


def produce(kafka: Kafka, messages: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all", "log_level": 0})
    for message in messages:
        producer.produce("payments", message)
    assert producer.flush(WAIT_S) == 0


def consume(kafka: Kafka, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "ana",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe(["payments"])
    values: list[bytes] = []
    deadline = time.monotonic() + WAIT_S
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            value = message.value()
            assert isinstance(value, bytes)
            values.append(value)
    consumer.close()
    return values
