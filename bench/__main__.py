"""`python -m bench`: measure everything in one run, write it down, and say what was reached."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import drivers, large, machine, report
from bench.databases import BenchMariaDB, BenchMySQL
from bench.drivers import Driver
from bench.figures import FIGURES
from bench.load.generator import Generator
from bench.records import Records
from bench.rounds import OUR_PROCESSES, Options, Rounds, say
from bench.site import ROOT, Site, Void
from devservers.errors import Unavailable


def main() -> int:
    """Return 0 if the run counts, 1 if it is void."""
    arguments = _parse()
    options = Options(repeats=arguments.repeats)
    if arguments.quick:
        options = Options(repeats=arguments.repeats, raw_seconds=1.3, http_seconds=2, bulk_requests=2)
    folder = Path(tempfile.mkdtemp(prefix="paysettle-bench-"))
    records, facts = Records(), machine.facts(folder)
    facts["repeats"] = options.repeats
    try:
        if arguments.large:
            _measure_large_alone(records, facts, folder, options)
        else:
            _measure(records, facts, folder, options, full=arguments.full)
    except Void as reason:
        say(f"VOID: {reason}")
        if not arguments.large:  # else nothing is wrong with what is written down
            found = report.void(str(reason), facts)
            report.write(found if arguments.results else report.with_large_of_the_last(found))
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = report.document(records, facts)
    if arguments.large:
        found = report.beside_the_last(found)
    elif not arguments.full and not arguments.quick and not arguments.results:
        found = report.with_large_of_the_last(found)
    report.write(found)
    for figure in FIGURES:
        verdict = found["verdicts"][figure.key]
        sys.stdout.write(f"{figure.key:<24} {found[figure.key]!s:>8}  {figure.target:<7} {verdict}\n")
    sys.stdout.write(f"{records.verified} acknowledged payments verified; written to {report.RESULTS}\n")
    return 0


def _measure(records: Records, facts: dict[str, Any], folder: Path, options: Options, *, full: bool) -> None:
    python_driver = drivers.pymysql(folder)
    driver = _driver(python_driver)
    generator = Generator()
    facts |= {"driver": driver.name, "generator": generator.name}
    with BenchMariaDB() as server, Site.on(server, driver, folder / "mariadb") as site:
        facts["mariadb"] = server.version
        say(f"MariaDB {server.version}, {driver.name}, {generator.name}")
        site.prepare(options.people)
        rounds = Rounds(site, generator, records, options)
        rounds.calibrate()
        facts |= {"processes": rounds.processes, "plain_processes": rounds.plain_processes}
        for repeat in range(1, options.repeats + 1):
            rounds.repeat(repeat)
            rounds.with_driver("http_pymysql", site.with_driver(python_driver), repeat)
    _elsewhere(records, facts, generator, driver, folder, options, processes=rounds.processes)
    if full:
        sizes = large.measure(generator, records, driver, folder / "large", options, processes=rounds.processes)
        facts["large"] = sizes


def _measure_large_alone(records: Records, facts: dict[str, Any], folder: Path, options: Options) -> None:
    driver = _driver(drivers.pymysql(folder))
    processes = report.last()["facts"].get("processes", OUR_PROCESSES[-1])
    facts["large"] = large.measure(Generator(), records, driver, folder / "large", options, processes=processes)
    facts["driver"] = driver.name


def _elsewhere(
    records: Records,
    facts: dict[str, Any],
    generator: Generator,
    driver: Driver,
    folder: Path,
    options: Options,
    *,
    processes: int,
) -> None:
    with Site("SQLite", f"sqlite:///{folder}/sqlite/bench.sqlite3", driver, folder / "sqlite") as site:
        site.prepare(options.people)
        Rounds(site, generator, records, options).elsewhere("http_sqlite", processes=1)
    try:
        with BenchMySQL() as server, Site.on(server, driver, folder / "mysql") as site:
            facts["mysql"] = server.version
            site.prepare(options.people)
            Rounds(site, generator, records, options).elsewhere("http_mysql", processes=processes)
    except Unavailable as reason:
        facts["mysql"] = f"not measured: {reason.reason}"
        say(facts["mysql"])


def _driver(otherwise: Driver) -> Driver:
    try:
        return drivers.mysqlclient()
    except Unavailable as reason:
        say(reason.reason)
        return otherwise


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast is it?")
    parser.add_argument("--full", action="store_true", help="five million entries as well, and little memory")
    parser.add_argument(
        "--large", action="store_true", help="what --full adds alone, beside the figures of the last run"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="short loads, to see that it works; no figures to keep")
    parser.add_argument("--results", type=Path, help="write the results here, and leave the committed ones alone")
    found = parser.parse_args()
    if found.results:
        report.RESULTS = found.results.absolute()
        report.DOCUMENT = report.RESULTS.with_suffix(".md")
        report.DOCUMENT.touch()
    return found


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
