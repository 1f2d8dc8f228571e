"""What is measured, in which order: everything once in each repeat, so that a change of the machine's mood hits all.

A load counts when the books are right after it and what was acknowledged is there once; otherwise the run is void.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.load import bulk
from bench.load.generator import Generator, Point
from bench.raw import runner
from bench.raw.programs import PROCEDURE
from bench.records import Records
from bench.site import Server, Site, Void

HTTP_CONNECTIONS = (1, 16, 64, 256)
BULK_CONNECTIONS = (1, 4)
USUAL_CONNECTIONS = 64
OPEN_CONNECTIONS = 256
OPEN_SHARE = 0.7
OUR_PROCESSES = (1, 2)
PLAIN_PROCESSES = (1, 2, 4)
PLAIN_CONNECTIONS = (16, 64)


@dataclass(frozen=True, slots=True)
class RawLoad:
    """A raw program under a name."""

    name: str
    program: str
    batch: int = 1
    hot: bool = False
    connections: tuple[int, ...] = (1, 2, 8, 32)


RAW = (
    RawLoad("raw_single", "single"),
    RawLoad("raw_single_hot", "single", hot=True),
    RawLoad("raw_procedure", "procedure"),
    RawLoad("raw_procedure_hot", "procedure", hot=True),
    RawLoad("raw_batch64", "batch", batch=64),
    RawLoad("raw_batch1000", "batch", batch=1000, connections=(1, 2, 8)),  # more only wait for each other
)
BATCHES = RAW[-1]


@dataclass(frozen=True, slots=True)
class Options:
    """How much of it."""

    repeats: int = 3
    raw_seconds: float = 2
    http_seconds: float = 3
    people: int = 2000
    bulk_requests: int = 10
    bulk_items: int = 10_000


class Rounds:
    """Measures one installation on MariaDB, and points of others."""

    def __init__(self, site: Site, generator: Generator, records: Records, options: Options) -> None:
        self._site = site
        self._generator = generator
        self._records = records
        self._options = options
        self._texts: dict[str, str] = {}
        self.processes = 1
        self.plain_processes = 1

    def calibrate(self) -> None:
        """Find with how many processes ours and the plain view are fastest, and what a payment's rows look like."""
        self._site.call("execute", [PROCEDURE])
        ours: dict[int, float] = {}
        plain: dict[int, float] = {}
        with self._load() as logs:
            for processes in OUR_PROCESSES:
                with self._site.served(processes=processes) as server:
                    ours[processes] = self._pay(logs, server, USUAL_CONNECTIONS).payments_per_s
            self._texts = self._site.call("sample")
            for processes in PLAIN_PROCESSES:
                with self._site.served_plainly(processes=processes) as server:
                    plain[processes] = self._pay(logs, server, USUAL_CONNECTIONS).payments_per_s
        self.processes = max(ours, key=lambda processes: ours[processes])
        self.plain_processes = max(plain, key=lambda processes: plain[processes])
        say(f"processes: ours {ours}, plain {plain}")

    def repeat(self, number: int) -> None:
        """Measure everything once."""
        for load in RAW:
            self._raw(load, number)
        self._plain(number)
        self._http(number)

    def http_point(self, name: str, site: Site, number: int, *, processes: int, logs: list[Path]) -> None:
        """Measure the usual number of connections on another installation or driver."""
        with site.served(processes=processes) as server:
            point, log = self._generator.pay(
                self._site, server, connections=USUAL_CONNECTIONS, seconds=self._options.http_seconds
            )
        logs.append(log)
        self._note(name, number, point)

    def with_driver(self, name: str, site: Site, number: int) -> None:
        """Measure the usual number of connections through another driver."""
        with self._load() as logs:
            self.http_point(name, site, number, processes=self.processes, logs=logs)

    def elsewhere(self, name: str, *, processes: int) -> None:
        """Measure the usual number of connections here, on a fresh installation that cannot be reset."""
        with checked(self._site, self._records) as logs:
            self.http_point(name, self._site, 1, processes=processes, logs=logs)

    def raw(self, name: str, load: RawLoad, number: int) -> None:
        """Run a raw program as it is, on the ledger as it is."""
        for connections in load.connections[:2]:
            point = self._run_raw(load, connections)
            self._records.add(name, number, connections, payments_per_s=point.payments_per_s)

    def _raw(self, load: RawLoad, number: int) -> None:
        """The first repeat tries every number of connections, the others the two best ones and a single one."""
        tried = self._records.best_connections(load.name, 2)
        wanted = sorted({1, *tried}) if tried else load.connections
        self._site.call("reset")
        made = 0
        for connections in wanted:
            point = self._run_raw(load, connections)
            made += point.acknowledged
            values = asdict(point)
            del values["connections"]
            self._records.add(load.name, number, connections, **values)
            say(f"{load.name}, {connections} connections: {point.payments_per_s:.0f}/s")
        self._site.verify()
        rows = self._site.call("count_payments")
        if rows != made:
            raise Void(f"{load.name}: {made} payments were committed, {rows} are there.")

    def _run_raw(self, load: RawLoad, connections: int) -> runner.RawPoint:
        if not self._texts:
            self._texts = self._site.call("sample")
        return runner.run(
            self._site,
            self._texts,
            program=load.program,
            seconds=self._options.raw_seconds,
            batch=load.batch,
            hot=load.hot,
            connections=connections,
        )

    def _plain(self, number: int) -> None:
        with self._load() as logs, self._site.served_plainly(processes=self.plain_processes) as server:
            for connections in PLAIN_CONNECTIONS:
                self._note("plain", number, self._pay(logs, server, connections))

    def _http(self, number: int) -> None:
        with self._site.served(processes=self.processes) as server:
            with self._load() as logs:
                self._pay(logs, server, OPEN_CONNECTIONS)  # not noted: afterwards the server knows everybody
                for connections in HTTP_CONNECTIONS:
                    self._note("http", number, self._pay(logs, server, connections))
                rate = OPEN_SHARE * (self._records.best("http", number) or 0)
                point, log = self._generator.pay(
                    self._site, server, connections=OPEN_CONNECTIONS, seconds=self._options.http_seconds, rate=rate
                )
                logs.append(log)
                self._note("http_open", number, point)
            with self._load() as logs:
                for connections in HTTP_CONNECTIONS:
                    self._note("http_hot", number, self._pay(logs, server, connections, hot=True))
            with self._load() as logs:
                # As long as all the others together: after the first repeat only as it was fastest.
                for connections in self._records.best_connections("bulk", 1) or BULK_CONNECTIONS:
                    logs.append(self._bulk(server, number, connections))

    def _bulk(self, server: Server, number: int, connections: int) -> Path:
        requests, items = self._options.bulk_requests, self._options.bulk_items
        rate, acknowledged, log = bulk.pay(self._site, server, requests=requests, items=items, connections=connections)
        self._records.add("bulk", number, connections, payments_per_s=rate, acknowledged=acknowledged)
        say(f"bulk, {connections} connections: {rate:.0f}/s")
        return log

    def _pay(self, logs: list[Path], server: Server, connections: int, *, hot: bool = False) -> Point:
        point, log = self._generator.pay(
            self._site, server, connections=connections, seconds=self._options.http_seconds, hot=hot
        )
        logs.append(log)
        return point

    def _note(self, name: str, number: int, point: Point) -> None:
        values = asdict(point)
        del values["connections"]
        self._records.add(name, number, point.connections, **values)
        say(
            f"{name}, {point.connections} connections: {point.payments_per_s:.0f}/s,"
            f" p50 {point.p50_ms:.1f} ms, p99 {point.p99_ms:.1f} ms"
        )

    @contextmanager
    def _load(self) -> Iterator[list[Path]]:
        """Begin with the small ledger, and check it afterwards; the block adds its logs."""
        self._site.call("reset")
        with checked(self._site, self._records) as logs:
            yield logs


@contextmanager
def checked(site: Site, records: Records) -> Iterator[list[Path]]:
    """Check the books after a load, and every payment that its logs say was acknowledged. Raises Void."""
    logs: list[Path] = []
    yield logs
    records.verified += site.verify(logs)


_began_s = time.monotonic()


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{time.monotonic() - _began_s:7.1f} s  {text}\n")
    sys.stderr.flush()
