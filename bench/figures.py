"""The figures that count, each a ratio within one run, and what we want them to be."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.records import Records, Spread

Measure = Callable[[Records, int], float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: how it is called, what it says, how one repeat gives it, and the target (`least` or `most`)."""

    key: str
    sentence: str
    base: str
    measure: Measure
    least: float | None = None
    most: float | None = None

    def spread(self, records: Records) -> Spread | None:
        """Return the figure over all repeats; None if the run did not measure it."""
        found = (self.measure(records, repeat) for repeat in records.repeats(self.base))
        return Spread.of(value for value in found if value is not None)

    def verdict(self, spread: Spread | None) -> str:
        """Return whether the median reaches the target."""
        if spread is None:
            return "not measured"
        if self.least is None and self.most is None:
            return ""
        reached = (self.least is None or spread.median >= self.least) and (
            self.most is None or spread.median <= self.most
        )
        return "reached" if reached else "not reached"

    @property
    def target(self) -> str:
        """The target as people write it."""
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "" if self.most is None else f"≤ {self.most:g}"


def _best_over(name: str, limit: str) -> Measure:
    return lambda records, repeat: _over(records.best(name, repeat), records.best(limit, repeat))


def _value(name: str, value: str) -> Measure:
    return lambda records, repeat: records.best(name, repeat, value)


def _over(value: float | None, limit: float | None) -> float | None:
    return None if value is None or not limit else value / limit


def _p50_over_raw(records: Records, repeat: int) -> float | None:
    raw = records.at("raw_single", repeat, 1, "transaction_p50_ms")
    return _over(records.at("http", repeat, 1, "p50_ms"), raw)


def _p99_over_p50(records: Records, repeat: int) -> float | None:
    return _over(records.at("http", repeat, 64, "p99_ms"), records.at("http", repeat, 64, "p50_ms"))


FIGURES = [
    Figure(
        "http_over_raw_single",
        "HTTP ÷ raw SQL, one transaction for each payment",
        "http",
        _best_over("http", "raw_single"),
        least=1.5,
    ),
    Figure(
        "http_over_raw_procedure",
        "HTTP ÷ the same as a stored procedure, one round trip",
        "http",
        _best_over("http", "raw_procedure"),
    ),
    Figure(
        "hot_over_raw_hot",
        "HTTP ÷ raw SQL, one transaction for each payment, all to one payee",
        "http_hot",
        _best_over("http_hot", "raw_single_hot"),
        least=2.5,
    ),
    Figure("http_over_naive", "HTTP ÷ a plain DRF and ORM view", "http", _best_over("http", "plain"), least=8),
    Figure(
        "http_over_batch64",
        "HTTP ÷ raw SQL in batches of 64",
        "http",
        _best_over("http", "raw_batch64"),
        least=0.33,
    ),
    Figure(
        "bulk_over_batch1000",
        "Bulk over HTTP ÷ raw SQL in batches of 1000",
        "bulk",
        _best_over("bulk", "raw_batch1000"),
        least=0.8,
    ),
    Figure("p50_c1_over_raw", "HTTP p50 at 1 connection ÷ raw SQL transaction p50", "http", _p50_over_raw, most=1.6),
    Figure("p99_over_p50_c64", "HTTP p99 ÷ p50 at 64 connections", "http", _p99_over_p50, most=4),
    Figure(
        "p99_open_70_ms", "HTTP p99 at 70 % of its maximum, open loop, ms", "http_open", _value("http_open", "p99_ms")
    ),
    Figure(
        "large_over_small",
        "Raw batches of 1000 with 5 million entries ÷ with a small ledger",
        "large_batch1000",
        _best_over("large_batch1000", "small_batch1000"),
        least=0.75,
    ),
    Figure(
        "statement_page_ms",
        "Statement page of 50 lines among 5 million, p50, ms",
        "statement_page",
        _value("statement_page", "p50_ms"),
        most=1,
    ),
    Figure(
        "balance_at_ms",
        "Balance at a past moment among 5 million entries, p50, ms",
        "balance_at",
        _value("balance_at", "p50_ms"),
        most=0.5,
    ),
]
