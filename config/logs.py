"""Logs: JSON lines, each with the id of the request it belongs to. No secret, token, address or note.

Servers and workers log to stdout; other commands answer there and log to stderr.
"""

import logging
import sys
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer


def configure(*, level: str) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING: both write the same JSON lines."""
    # No line shows them, and finding them out costs with every line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Without the variables of each frame: they would carry tokens, notes and addresses.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
    }
    stream = "ext://sys.stdout" if sys.argv[1:2] in (["serve"], ["worker"]) else "ext://sys.stderr"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        # The request line says every refusal already; a fault comes with its exception.
        "filters": {"faults": {"()": "django.utils.log.CallbackFilter", "callback": _is_fault}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "stream": stream, "formatter": "json"}},
        "root": {"handlers": ["lines"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["faults"]},
            "django.security": {"level": "ERROR"},
        },
    }


def _is_fault(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)
