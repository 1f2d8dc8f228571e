"""Logs: JSON lines, each with the id of the request it belongs to. No secret, token, address or note.

Servers and workers log to stdout; other commands answer there and log to stderr.
"""

import logging
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

_API_KEY = re.compile(r"psk_[0-9A-Za-z_-]+")
_ADDRESS = re.compile(r"""[^\s"'<>@\\(]+@[A-Za-z0-9][A-Za-z0-9.-]*""")


def configure(*, level: str) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING: both write the same JSON lines, to the same place.

    Our own lines do not pass through the standard library's logging: with every request it would cost more than all
    that the line says.
    """
    name = "stdout" if sys.argv[1:2] in (["serve"], ["worker"]) else "stderr"
    begin: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    end: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the variables of each frame: they would carry tokens, notes and addresses.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(serializer=_line),
    ]
    structlog.configure(
        processors=[*begin, _add_name, *end],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=_factory(name),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*begin, structlog.stdlib.add_logger_name],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        # The request line says every refusal already; a fault comes with its exception.
        "filters": {"faults": {"()": "django.utils.log.CallbackFilter", "callback": _is_fault}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "stream": f"ext://sys.{name}", "formatter": "json"}},
        "root": {"handlers": ["lines"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["faults"]},
            "django.security": {"level": "ERROR"},
        },
    }


class _Lines:
    """Writes finished lines to `sys.stdout` or `sys.stderr`, each in one piece: threads share it."""

    def __init__(self, name: str, place: str) -> None:
        self.name = name
        self._place = place

    def msg(self, line: str) -> None:
        place: TextIO = getattr(sys, self._place)
        place.write(line + "\n")
        place.flush()

    debug = info = warning = error = critical = exception = log = msg


def _line(fields: EventDict, **_: Any) -> str:
    text = orjson.dumps(fields, default=str).decode()
    # Other people's exceptions quote what they choke on: a mail server the recipient, a database the duplicate value.
    if "psk_" in text:
        text = _API_KEY.sub("[api key]", text)
    return _ADDRESS.sub("[address]", text) if "@" in text else text


def _factory(place: str) -> Callable[..., _Lines]:
    return lambda name="": _Lines(name, place)


def _add_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _is_fault(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)
