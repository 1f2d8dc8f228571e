"""What an error of the database means for the transaction that it ended."""

from enum import Enum

from django.db import Error

LOCK_WAIT_TIMEOUT = 1205


class Fault(Enum):
    """What a database error means for the transaction it ended."""

    ROLLED_BACK = "rolled back: run the whole transaction again"
    GONE = "the connection or the server is gone, or too busy"
    FULL = "no room on the disk or in a table"
    DUPLICATE = "a unique key exists already"
    BUG = "anything else: a constraint that fired, a statement that is wrong"


_MYSQL_FAULTS = {
    1213: Fault.ROLLED_BACK,  # deadlock; Galera raises it at COMMIT too
    1020: Fault.ROLLED_BACK,  # record has changed: MariaDB's snapshot isolation
    LOCK_WAIT_TIMEOUT: Fault.ROLLED_BACK,  # only the statement failed: we roll the rest back ourselves
    1114: Fault.FULL,
    1021: Fault.FULL,
    1062: Fault.DUPLICATE,
    **dict.fromkeys(
        # Not connected, lost, refused, shutting down, read-only, no quorum.
        (0, 1040, 1047, 1053, 1152, 1158, 1159, 1160, 1161, 1180, 1203, 1290, 1927, 2002, 2003, 2006, 2013, 2014, 2055),
        Fault.GONE,
    ),
    4031: Fault.GONE,  # MySQL closed it because it was idle; MariaDB just hangs up
}
_SQLITE_FAULTS = {5: Fault.ROLLED_BACK, 6: Fault.ROLLED_BACK, 10: Fault.GONE, 13: Fault.FULL, 14: Fault.GONE}
_SQLITE_DUPLICATES = {1555, 2067}  # SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE


def classify(error: Error) -> Fault:
    """Return what a Django database error means."""
    cause = error.__cause__
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        if sqlite_code in _SQLITE_DUPLICATES:
            return Fault.DUPLICATE
        return _SQLITE_FAULTS.get(sqlite_code & 0xFF, Fault.BUG)
    code = error.args[0] if error.args else None
    return _MYSQL_FAULTS.get(code, Fault.BUG) if isinstance(code, int) else Fault.BUG


def is_lock_wait(error: Error) -> bool:
    """Return whether a statement waited for a row for longer than it may."""
    return bool(error.args) and error.args[0] == LOCK_WAIT_TIMEOUT
