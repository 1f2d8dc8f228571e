"""`python -m bench.raw PLAN`: run a program over several connections, a process each, and print what came of it.

PLAN is a JSON file, see `Plan`. Prints JSON: payments a second, those acknowledged, and the median time of a
transaction.
"""

import importlib
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from bench.raw.programs import PROGRAMS, SESSION, Execute, Program
from bench.raw.rows import Maker, Payment, Texts

WARM_S = 0.3
MULTI_STATEMENTS = 1 << 16
TAKEN_BACK = {1213, 1205}
"""Deadlock, and a lock that did not come in time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    program: str
    batch: int
    connections: int
    seconds: float
    hot: bool
    host: str
    port: int
    database: str
    people: list[tuple[str, str]]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one connection has done: all of its payments, those that count, retries, the time of each transaction."""

    acknowledged: int
    counted: int
    retries: int
    took_s: list[float]


def main(path: str) -> None:
    """Run a plan and print its outcome."""
    plan = Plan(**json.loads(Path(path).read_text()))
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(plan.connections)
    workers = []
    for _ in range(plan.connections):
        receiver, sender = fork.Pipe(duplex=False)
        worker = fork.Process(target=_work, args=(plan, barrier, sender), daemon=True)
        worker.start()
        sender.close()  # so that the death of the worker ends our waiting for it
        workers.append((worker, receiver))
    outcomes: list[Outcome] = [receiver.recv() for _, receiver in workers]
    for worker, _ in workers:
        worker.join()
    took_s = [second for outcome in outcomes for second in outcome.took_s]
    result = {
        "payments_per_s": round(sum(outcome.counted for outcome in outcomes) / (plan.seconds - WARM_S), 1),
        "acknowledged": sum(outcome.acknowledged for outcome in outcomes),
        "retries": sum(outcome.retries for outcome in outcomes),
        "transaction_p50_ms": round(statistics.median(took_s) * 1000, 3),
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _work(plan: Plan, barrier: Barrier, results: "Connection[Any, Any]") -> None:
    execute = _connect(plan)
    pay = PROGRAMS[plan.program]
    texts = Texts(**plan.texts)
    maker = Maker(plan.people, hot=plan.hot)
    took_s: list[float] = []
    acknowledged = counted = retries = 0
    barrier.wait()
    began_s = time.perf_counter()
    warm_s, until_s = began_s + WARM_S, began_s + plan.seconds
    before_s = began_s
    while before_s < until_s:
        payments = [maker.new() for _ in range(plan.batch)]
        while not _survived(pay, execute, payments, texts):
            retries += 1
        after_s = time.perf_counter()
        acknowledged += plan.batch
        if warm_s <= after_s <= until_s:
            counted += plan.batch
            took_s.append(after_s - before_s)
        before_s = after_s
    results.send(Outcome(acknowledged, counted, retries, took_s))


def _survived(pay: Program, execute: Execute, payments: Sequence[Payment], texts: Texts) -> bool:
    """Run a transaction; return False if the database has taken it back because of others' locks."""
    try:
        pay(execute, payments, texts)
    except Exception as error:
        if not error.args or error.args[0] not in TAKEN_BACK:
            raise
        execute("ROLLBACK")
        return False
    return True


def _connect(plan: Plan) -> Execute:
    connection = _driver().connect(
        host=plan.host, port=plan.port, user="root", database=plan.database, client_flag=MULTI_STATEMENTS
    )
    cursor = connection.cursor()

    def execute(sql: str) -> Sequence[Any]:
        cursor.execute(sql)
        found: Sequence[Any] = cursor.fetchall() if cursor.description else ()
        while cursor.nextset():
            pass
        return found

    execute(SESSION)
    return execute


def _driver() -> Any:
    try:
        return importlib.import_module("MySQLdb")
    except ImportError:
        return importlib.import_module("pymysql")


if __name__ == "__main__":
    main(sys.argv[1])
