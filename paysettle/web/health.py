"""Health: tells whether the process is alive, and whether everything is there that it needs."""

from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from paysettle.api.methods import readable
from paysettle.kernel import insert_only
from paysettle.kernel.lane import lane

_LANE_READY = {"not started", "alive"}


async def alive(_request: HttpRequest) -> JsonResponse:
    """Answer as long as the process can."""
    return JsonResponse({"status": "ok"})


@readable
def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is ready, else 503; names the parts, never the reasons behind them."""
    parts = {name: _state(part) for name, part in _PARTS.items()}
    fine = all(state in {"ok", *_LANE_READY} for state in parts.values())
    return JsonResponse({"status": "ok" if fine else "not ready", "parts": parts}, status=200 if fine else 503)


def _state(part: Callable[[], str]) -> str:
    try:
        return part()
    except Error:
        return "unreachable"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    return "pending" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _triggers() -> str:
    return "missing" if insert_only.missing_triggers() else "ok"


_PARTS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "triggers": _triggers,
    "lane": lane.state,
}
