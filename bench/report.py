"""The table in `docs/performance.md` and the file `bench/results/latest.json`."""

import json
from datetime import UTC, datetime
from typing import Any

from bench.figures import FIGURES
from bench.records import Records
from bench.site import ROOT

RESULTS = ROOT / "bench" / "results" / "latest.json"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN = "<!-- bench:begin, written by `make bench` -->"
END = "<!-- bench:end -->"

FACTS = {
    "cores": "Cores, shared by database, load generator and server",
    "memory_gib": "Memory, GiB",
    "cpu": "Processor",
    "kernel": "Kernel",
    "fsync_4k_p50_us": "fsync after 4 KiB, p50, µs",
    "load_average_before": "Load average before the run",
    "python": "Python",
    "driver": "Driver",
    "generator": "Load generator",
    "mariadb": "MariaDB",
    "mysql": "MySQL",
    "processes": "Server processes, ours",
    "plain_processes": "Server processes, plain view",
    "repeats": "Repeats, interleaved",
}

POINTS = {
    "raw_single": "raw SQL, one transaction each",
    "raw_single_hot": "raw SQL, one transaction each, one payee",
    "raw_procedure": "stored procedure, one round trip each",
    "raw_procedure_hot": "stored procedure, one payee",
    "raw_batch64": "raw SQL, batches of 64",
    "raw_batch1000": "raw SQL, batches of 1000",
    "plain": "plain DRF and ORM view",
    "http": "**ours**, HTTP",
    "http_hot": "**ours**, HTTP, one payee",
    "http_open": "**ours**, HTTP, open loop at 70 % of the maximum",
    "bulk": "**ours**, batches of 10,000 over HTTP",
    "http_pymysql": "**ours**, HTTP, PyMySQL",
    "http_mysql": "**ours**, HTTP, MySQL with its binary log",
    "http_sqlite": "**ours**, HTTP, SQLite",
    "small_http": "**ours**, HTTP, small ledger",
    "large_http": "**ours**, HTTP, 5 million entries",
    "beyond_http": "**ours**, HTTP, data three times the buffer pool",
    "small_batch1000": "raw SQL, batches of 1000, small ledger",
    "large_batch1000": "raw SQL, batches of 1000, 5 million entries",
    "statement_page": "statement page of 50 lines, 5 million entries",
    "balance_at": "balance at a past moment, 5 million entries",
}


LARGE_FIGURES = ("large_over_small", "statement_page_ms", "balance_at_ms")
LARGE_POINTS = (
    "small_http",
    "large_http",
    "beyond_http",
    "small_batch1000",
    "large_batch1000",
    "statement_page",
    "balance_at",
)
"""What `bench.large` measures: a run without it keeps what the last one with it has found."""


def document(records: Records, facts: dict[str, Any]) -> dict[str, Any]:
    """Return all of a run that counts."""
    spreads = {figure.key: figure.spread(records) for figure in FIGURES}
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "facts": facts,
        "driver": facts["driver"],
        # `ledger verify --acknowledged` has ended with 0 after every load: otherwise there would be no figures.
        "verified": {"acknowledged": records.verified, "exit_code": 0},
        **{key: None if spread is None else spread.median for key, spread in spreads.items()},
        "ranges": {key: None if spread is None else [spread.low, spread.high] for key, spread in spreads.items()},
        "verdicts": {figure.key: figure.verdict(spreads[figure.key]) for figure in FIGURES},
        "points": records.points(),
    }


def last() -> dict[str, Any]:
    """Return the run that is written down."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def beside_the_last(found: dict[str, Any]) -> dict[str, Any]:
    """Return the last run with what this one has measured of large data in its place, and when that was."""
    merged = _with_large_of(found, last(), at=found["measured_at"])
    if merged["verified"]:
        merged["verified"]["acknowledged"] += found["verified"]["acknowledged"]
    return merged


def with_large_of_the_last(found: dict[str, Any]) -> dict[str, Any]:
    """Return a run that has measured nothing of large data, with what the last one had."""
    before = last()
    if "large" not in before["facts"]:
        return found
    return _with_large_of(before, found, at=before["facts"]["large"].get("measured_at", before["measured_at"]))


def _with_large_of(of: dict[str, Any], merged: dict[str, Any], *, at: str) -> dict[str, Any]:
    """Return `merged` with the figures and points of large data of another run, which was made at that time."""
    for key in LARGE_FIGURES:
        merged[key], merged["ranges"][key], merged["verdicts"][key] = of[key], of["ranges"][key], of["verdicts"][key]
    merged["points"] |= {name: of["points"][name] for name in LARGE_POINTS if name in of["points"]}
    merged["facts"]["large"] = {**of["facts"]["large"], "measured_at": at}
    return merged


def void(reason: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is left of a run whose figures mean nothing."""
    nothing = dict.fromkeys(figure.key for figure in FIGURES)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    run = {"measured_at": moment, "facts": facts, "verified": None, "void": reason}
    return {**run, **nothing, "ranges": {**nothing}, "verdicts": dict.fromkeys(nothing, "not measured"), "points": {}}


def write(found: dict[str, Any]) -> None:
    """Write the file, and the table unless the run is void."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if found["verified"]:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables(found)}\n{END}{after}", encoding="utf-8")


def tables(found: dict[str, Any]) -> str:
    """Return the tables: figures, points, facts."""
    lines = [
        f"Measured {found['measured_at'][:10]}.",
        "",
        "| Figure | Median | Range | Target | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for figure in FIGURES:
        low_high = found["ranges"][figure.key]
        if low_high is not None:
            value = found[figure.key]
            span = f"{low_high[0]:g} to {low_high[1]:g}"
            lines.append(
                f"| {figure.sentence} | {value:g} | {span} | {figure.target} | {found['verdicts'][figure.key]} |"
            )
    lines += [
        "",
        "| Point | Connections | Payments a second | Range | p50 ms | p99 ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, title in POINTS.items():
        for connections, values in found["points"].get(name, {}).items():
            lines.append(f"| {title} | {connections} | {_point(values)} |")
    lines += ["", "| The run | |", "| --- | --- |"]
    lines += [f"| {title} | {found['facts'].get(key, found.get(key))} |" for key, title in FACTS.items()]
    lines.append(f"| Acknowledged payments found once each | {found['verified']['acknowledged']:,} |")
    return "\n".join(lines) + "\n"


def _point(values: dict[str, dict[str, float]]) -> str:
    rate = values.get("payments_per_s")
    rates = f"{rate['median']:,.0f} | {rate['low']:,.0f} to {rate['high']:,.0f}" if rate else " | "
    p50 = values.get("p50_ms") or values.get("transaction_p50_ms")
    times = [f"{spread['median']:.2f}" if spread else "" for spread in (p50, values.get("p99_ms"))]
    return " | ".join([rates, *times])
