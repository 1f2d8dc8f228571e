"""Apache Kafka, one process that is broker and controller at once (KRaft), with 512 MB of heap."""

import base64
import os
import re
import shutil
import uuid
from pathlib import Path

from devservers import commands
from devservers.child import LOCALHOST
from devservers.errors import Unavailable
from devservers.kafka_protocol import ask_cluster
from devservers.maven import kafka_jars
from devservers.server import NotReady, Server

JAVA_VERSION_MIN = 17
ASK_TIMEOUT_S = 5
PREPARE_TIMEOUT_S = 60

# Single copies of everything, and no waiting for a second member before a group begins. After a kill, a broker is let
# in again only when the session of its former life is over: by default after 9 s, here after 3.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
num.partitions=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Kafka(Server):
    """A Kafka broker. `TEST_KAFKA_BOOTSTRAP_SERVERS` in the environment names others to use instead."""

    title = "Kafka"
    address_variable = "TEST_KAFKA_BOOTSTRAP_SERVERS"
    missing_variable = "TEST_KAFKA_MISSING"
    port_count = 2

    def __init__(self) -> None:
        super().__init__()
        self._java = ""
        self._jars = Path()
        self._identity = ""

    @property
    def bootstrap_servers(self) -> str:
        """`127.0.0.1:PORT`, or the address given in the environment."""
        return self.address

    def _adopt(self, address: str) -> str:
        try:
            for one in address.split(","):
                host, _, port = one.strip().rpartition(":")
                ask_cluster(host.strip("[]"), int(port), timeout_s=ASK_TIMEOUT_S)
        except (OSError, ValueError) as error:
            reason = f"Kafka at {self.address_variable} does not answer: {error}."
            raise Unavailable(reason) from error
        return ""

    def _find(self) -> None:
        self._java = _find_java()
        try:
            self._jars = kafka_jars()
        except Unavailable as unfetched:
            self._jars = _jars_on_path(unfetched)

    def _prepare(self, folder: Path) -> None:
        self._identity = _new_identity()
        (folder / "tmp").mkdir()
        # The format asks for ports too, but does not use them.
        _write_properties(folder, port=1, controller_port=2)
        tool = ["kafka.tools.StorageTool", "format", "-t", self._identity, "-c", "server.properties"]
        commands.run([*self._java_command(folder), *tool], cwd=folder, timeout_s=PREPARE_TIMEOUT_S)

    def _own_address(self) -> str:
        return f"{LOCALHOST}:{self._ports[0]}"

    def _command(self, folder: Path) -> list[str]:
        _write_properties(folder, port=self._ports[0], controller_port=self._ports[1])
        return [*self._java_command(folder), "kafka.Kafka", "server.properties"]

    def _ask(self, folder: Path) -> str:  # noqa: ARG002 - a broker tells its identity, not its folder
        try:
            cluster = ask_cluster(LOCALHOST, self._ports[0], timeout_s=ASK_TIMEOUT_S)
        except (OSError, ValueError) as error:
            raise NotReady(str(error)) from error
        if cluster.identity != self._identity:
            raise NotReady(f"another server answers on port {self._ports[0]}")
        if self.address not in cluster.brokers:
            raise NotReady("the broker has not joined its cluster")
        # A broker does not tell its version; its jar does.
        names = (re.fullmatch(r"kafka_[\d.]+-([\d.]+)\.jar", jar.name) for jar in self._jars.iterdir())
        return next((name[1] for name in names if name), "of unknown version")

    def _java_command(self, folder: Path) -> list[str]:
        return [
            self._java,
            "-Xmx512m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            # Unpacked compression libraries and counters, otherwise in the machine's temporary folder.
            f"-Djava.io.tmpdir={folder / 'tmp'}",
            "-XX:-UsePerfData",
            "-cp",
            f"{self._jars}/*",
        ]


def _write_properties(folder: Path, *, port: int, controller_port: int) -> None:
    text = PROPERTIES.format(host=LOCALHOST, port=port, controller_port=controller_port, data=folder / "data")
    (folder / "server.properties").write_text(text)


def _new_identity() -> str:
    """Return a new cluster identity as Kafka writes it; a leading dash would pass for an option."""
    while True:
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not identity.startswith("-"):
            return identity


def _find_java() -> str:
    """Return the program `java`. Raises Unavailable without one, or with too old a one."""
    home = os.environ.get("JAVA_HOME")
    java = (home and shutil.which("java", path=str(Path(home) / "bin"))) or shutil.which("java")
    if java is None:
        raise Unavailable(f"Kafka needs Java {JAVA_VERSION_MIN} or newer, and no java is on PATH.")
    try:
        answer = commands.run([java, "-version"], timeout_s=PREPARE_TIMEOUT_S)
    except (commands.CommandFailed, OSError) as error:
        reason = f"Kafka needs Java, and {java} cannot be run: {commands.essence(str(error))}."
        raise Unavailable(reason) from error
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < JAVA_VERSION_MIN:
        reason = f"Kafka needs Java {JAVA_VERSION_MIN} or newer, and {java} is {commands.essence(answer)}."
        raise Unavailable(reason)
    return java


def _jars_on_path(unfetched: Unavailable) -> Path:
    """Return the jars of an installed Kafka, found by its start script."""
    for name in ("kafka-server-start.sh", "kafka-server-start"):
        if script := shutil.which(name):
            home = Path(script).resolve().parent.parent
            for jars in (home / "libs", home / "libexec" / "libs"):
                if jars.is_dir():
                    return jars
    reason = f"{unfetched.reason.rstrip('.')}; no kafka-server-start.sh is on PATH either."
    raise Unavailable(reason) from unfetched
