"""The figures of a run are ratios within each repeat, and a void run shows none."""

import json
from pathlib import Path

import pytest

from bench import report
from bench.figures import FIGURES
from bench.load import generator
from bench.records import Records
from bench.site import Void

pytestmark = pytest.mark.once


def two_repeats() -> Records:
    """The second time the machine was half as fast, for everything."""
    records = Records(verified=1000)
    for repeat, speed in ((1, 1.0), (2, 0.5)):
        for connections, share in ((1, 0.5), (64, 1.0)):
            records.add(
                "http", repeat, connections, payments_per_s=3000 * share * speed, p50_ms=2 / speed, p99_ms=6 / speed
            )
        records.add("raw_single", repeat, 1, payments_per_s=1000 * speed, transaction_p50_ms=1 / speed)
        records.add("raw_single", repeat, 8, payments_per_s=2000 * speed, transaction_p50_ms=4 / speed)
    return records


def test_a_ratio_is_taken_within_each_repeat() -> None:
    found = report.document(two_repeats(), {"driver": "mysqlclient"})
    assert found["http_over_raw_single"] == 1.5
    assert found["ranges"]["http_over_raw_single"] == [1.5, 1.5]
    assert found["p50_c1_over_raw"] == 2
    assert found["p99_over_p50_c64"] == 3


def test_a_target_is_reached_or_not_and_what_was_not_measured_is_neither() -> None:
    found = report.document(two_repeats(), {"driver": "mysqlclient"})
    assert found["verdicts"]["http_over_raw_single"] == "reached"
    assert found["verdicts"]["p50_c1_over_raw"] == "not reached"
    assert found["verdicts"]["balance_at_ms"] == "not measured"
    assert found["balance_at_ms"] is None


def test_a_void_run_has_no_figures() -> None:
    found = report.void("The books are wrong.", {})
    assert found["verified"] is None
    assert all(found[figure.key] is None for figure in FIGURES)


def test_a_void_run_keeps_what_another_has_measured_of_large_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "latest.json")
    before = report.void("", {"large": {"entries": 5}})
    before["ranges"]["balance_at_ms"], before["balance_at_ms"] = [1, 2], 1.5
    report.RESULTS.write_text(json.dumps(before))
    found = report.with_large_of_the_last(report.void("The books are wrong.", {}))
    assert (found["balance_at_ms"], found["ranges"]["balance_at_ms"]) == (1.5, [1, 2])
    assert found["facts"]["large"]["entries"] == 5
    assert (found["verified"], found["http_over_raw_single"]) == (None, None)


def test_the_table_stands_between_its_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n")
    monkeypatch.setattr(report, "DOCUMENT", document)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "latest.json")
    report.write(report.document(two_repeats(), {"driver": "mysqlclient"}))
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\n\nafter\n")
    assert "old" not in text
    assert "| HTTP ÷ raw SQL, one transaction for each payment | 1.5 |" in text
    assert json.loads((tmp_path / "latest.json").read_text())["verified"] == {"acknowledged": 1000, "exit_code": 0}


def test_a_load_with_a_refusal_is_void(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"us": 1000, "at": 1.0}\n! 503 overloaded\n{"us": 1000, "at": 2.0}\n')
    with pytest.raises(Void, match="503"):
        generator.read(log, 1)


def test_the_first_moments_of_a_load_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    answers = [(900_000, 10.0), *((1000, 10.5 + n / 100) for n in range(1, 101))]
    log.write_text("".join(json.dumps({"us": took_us, "at": at_s}) + "\n" for took_us, at_s in answers))
    point = generator.read(log, 1)
    assert point.acknowledged == 101
    assert point.payments_per_s == 100
    assert (point.p50_ms, point.p99_ms) == (1, 1)
