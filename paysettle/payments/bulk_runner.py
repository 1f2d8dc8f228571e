"""Who carries batches out: one thread of this process, one batch after another. Between parts it lets the lane pass.

The worker does the same for batches that a process left behind (`Resumer`).
"""

from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import structlog
from django.db import connections

from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.payments.operations import bulk
from paysettle.payments.operations.bulk import BatchOrder

_log = structlog.get_logger(__name__)
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bulk")


def start(batch_id: UUID, order: BatchOrder) -> "Future[None]":
    """Carry a batch out in the thread for bulk; the future ends when the batch is done or was given up for now."""
    return _executor.submit(_run, batch_id, order)


def _run(batch_id: UUID, order: BatchOrder) -> None:
    try:
        bulk.carry_out(batch_id, order)
    except (Unavailable, OutcomeUnknown):
        _log.warning("batch_left_to_the_worker", batch=str(batch_id))
    except Exception:
        _log.exception("batch_failed", batch=str(batch_id))
    finally:
        connections.close_all()


class Resumer:
    """Finishes batches that were interrupted; a part of the worker."""

    name = "bulk"

    def step(self) -> bool:
        """Carry out one interrupted batch; return whether there was one."""
        batch_id = bulk.claim_interrupted()
        if batch_id is None:
            return False
        bulk.carry_out(batch_id)
        return True

    def close(self) -> None:
        """Nothing is held between steps."""
