"""The same with five million entries, and with data three times the buffer pool."""

from pathlib import Path
from typing import Any

from bench.databases import LARGE_POOL_MIB, BenchMariaDB
from bench.drivers import Driver
from bench.load.generator import Generator
from bench.records import Records
from bench.rounds import BATCHES, Options, Rounds, checked, say
from bench.site import Site

ENTRIES = 5_000_000
BEYOND = 3
"""How many times the buffer pool the data are in the last point."""

READS = ("statement_page", "balance_at")


def measure(
    generator: Generator, records: Records, driver: Driver, folder: Path, options: Options, *, processes: int
) -> dict[str, Any]:
    """Measure a small ledger, let it grow, measure again, then with little memory; return how large everything is."""
    server = BenchMariaDB(pool_mib=LARGE_POOL_MIB)
    with server, Site.on(server, driver, folder) as site:
        site.prepare(options.people)
        rounds = Rounds(site, generator, records, options)
        rounds.processes = processes
        _measure(rounds, site, records, "small", options.repeats)
        texts = site.call("sample")
        site.call("reset")
        say("growing")
        site.call("growth.grow", ENTRIES, texts)
        site.verify()
        say("grown, and the books are right")
        _measure(rounds, site, records, "large", options.repeats)
        for repeat in range(1, options.repeats + 1):
            for name in READS:
                records.add(name, repeat, 1, **site.call("growth.time_reads", name))
        data_mib = site.call("data_mib")
        pool_mib = data_mib // BEYOND
        with checked(site, records) as logs:
            _restart(server, site, pool_mib)
            rounds.http_point("beyond_http", site, 1, processes=processes, logs=logs)
            _restart(server, site, LARGE_POOL_MIB)  # the check would take hours in little memory
    return {"entries": ENTRIES, "data_mib": data_mib, "pool_mib": LARGE_POOL_MIB, "little_pool_mib": pool_mib}


def _measure(rounds: Rounds, site: Site, records: Records, size: str, repeats: int) -> None:
    with checked(site, records) as logs:
        for repeat in range(1, repeats + 1):
            rounds.http_point(f"{size}_http", site, repeat, processes=rounds.processes, logs=logs)
            rounds.raw(f"{size}_batch1000", BATCHES, repeat)


def _restart(server: BenchMariaDB, site: Site, pool_mib: int) -> None:
    site.call("disconnect")
    server.pool_mib = pool_mib
    server.restart()
