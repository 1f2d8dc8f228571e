"""Real servers: they keep what was committed through kill -9, come back, and leave nothing behind."""

import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import redis
from confluent_kafka import Consumer, Producer

from devservers.child import free_ports
from devservers.errors import Unavailable
from devservers.kafka import Kafka
from devservers.mariadb import MariaDB
from devservers.mysql import MySQL
from devservers.redis import Redis
from devservers.sql import SqlServer
from tests.devservers.machine import WAIT_S, Answering, is_running, own

pytestmark = pytest.mark.once


def connect(server: SqlServer) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(host="127.0.0.1", port=int(server.url.rstrip("/").rpartition(":")[2]), user="root")


@pytest.fixture(name="server", scope="module", params=[MariaDB, MySQL])
def _server(request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    with own(request.param()) as server:
        yield server


@pytest.fixture(name="kafka", scope="module")
def _kafka() -> Iterator[Kafka]:
    with own(Kafka()) as kafka:
        yield kafka


@pytest.fixture(name="redis_server", scope="module")
def _redis_server() -> Iterator[Redis]:
    with own(Redis()) as server:
        yield server


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
            assert cursor.fetchone() == (1, 4, 1, 400, 1024 * 1024 * 1024, "utf8mb4", "+00:00", log_bin)

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
        with own(Kafka()):
            (folder,) = tmp_path.iterdir()
            assert (folder / "data" / "meta.properties").exists()
            assert list((folder / "data").glob("__cluster_metadata-0/*.log"))
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
class TestARealRedis:
    """Redis, really started."""

    def test_comes_back_empty_where_it_was(self, redis_server: Redis) -> None:
        url, pid = redis_server.url, redis_server.pid
        with redis.Redis.from_url(url) as client:
            client.set("ana", 1)
            redis_server.kill()
            with pytest.raises(redis.ConnectionError):
                client.get("ana")
            redis_server.restart()
            assert (redis_server.url, redis_server.pid != pid) == (url, True)
            assert client.get("ana") is None

    def test_is_used_by_address(self, redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(redis_server.address_variable, redis_server.url)
        with Redis() as same:
            assert (same.url, same.version, same.is_ours) == (redis_server.url, redis_server.version, False)
        assert redis_server.is_alive

    def test_leaves_nothing_behind(self, redis_server: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with type(redis_server)() as another:
            pid = another.pid
            assert [list(folder.iterdir()) for folder in tmp_path.iterdir()] == [[another._own_child().log]]
        assert list(tmp_path.iterdir()) == []
        assert not is_running(pid)


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
