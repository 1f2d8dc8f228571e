"""Just enough of Kafka's wire protocol to ask a broker who it is, so that readiness needs no client library."""

import socket
import struct
from dataclasses import dataclass

METADATA = 3
METADATA_VERSION = 4
CORRELATION = 7
NO_TOPICS = struct.pack(">ib", 0, 0)  # an empty list of topics, and create none
LONGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Cluster:
    """What a broker says about its cluster: the identity, and `host:port` of each broker."""

    identity: str
    brokers: tuple[str, ...]


def ask_cluster(host: str, port: int, *, timeout_s: float) -> Cluster:
    """Return the metadata of the broker on this port. Raises OSError, or ValueError if the answer is not Kafka's."""
    client = b"devservers"
    header = struct.pack(f">hhih{len(client)}s", METADATA, METADATA_VERSION, CORRELATION, len(client), client)
    request = header + NO_TOPICS
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        if not 0 < length <= LONGEST_ANSWER:
            raise ValueError("the answer is not Kafka's")
        return _parse(_Reader(_receive(connection, length)))


def _parse(answer: "_Reader") -> Cluster:
    if answer.integer() != CORRELATION:
        raise ValueError("the answer is not Kafka's")
    answer.integer()  # throttle time
    brokers = []
    for _ in range(answer.integer()):
        answer.integer()  # node
        host = answer.text()
        brokers.append(f"{host}:{answer.integer()}")
        answer.text()  # rack
    return Cluster(identity=answer.text(), brokers=tuple(brokers))


class _Reader:
    """Reads big-endian values off an answer, one after another. Raises ValueError past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def integer(self) -> int:
        return int.from_bytes(self._take(4), "big", signed=True)

    def text(self) -> str:
        length = int.from_bytes(self._take(2), "big", signed=True)
        return self._take(length).decode() if length >= 0 else ""

    def _take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise ValueError("the answer is cut short")
        self._at += size
        return self._data[self._at - size : self._at]


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the connection was closed before the answer")
        data += piece
    return data
