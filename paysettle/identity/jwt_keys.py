"""The keys that sign access tokens: a file with a JWK set (RFC 7517) of P-256 keys.

The first key signs, all of them verify. The file is looked at with every use and read again when it has changed, so
that keys rotate under load: put a new key first, and drop the old one when the last token it signed has expired.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
_CURVE = "P-256"
_OWNER_ONLY = 0o600

_log = structlog.get_logger(__name__)


class KeyFileError(Exception):
    """The file of keys cannot be used; the message is the sentence shown to the operator."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """The keys of one version of the file.

    Each reading is equal to itself alone, so that what was found out about a token with it does not count for the next.
    """

    signing: ECKey
    verifying: dict[str, ECKey]

    def public(self) -> dict[str, Any]:
        """Return the JWK set that anybody may see."""
        return {"keys": [key.as_dict(private=False) for key in self.verifying.values()]}


_Stamp = tuple[str, int, int, int]
_loaded: tuple[_Stamp, Keys] | None = None


def path() -> Path:
    """Return where the keys are."""
    return Path(settings.JWT_KEYS_FILE)


def current() -> Keys:
    """Return the keys as they are now; raise KeyFileError if there never were usable ones.

    Once keys are loaded a broken or missing file does not stop the service: it is logged and the last good keys stay.
    In development and in the demo a missing file is made.
    """
    global _loaded  # noqa: PLW0603 - the one cache of the process; a tuple is replaced in one step
    known = _loaded if _loaded is not None and _loaded[0][0] == settings.JWT_KEYS_FILE else None
    stamp = _stamp()
    if stamp is None and known is None and (settings.DEBUG or settings.DEMO):
        create()
        stamp = _stamp()
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        keys = read()
    except KeyFileError as error:
        if known is None:
            raise
        _log.error("jwt_keys_unusable", reason=str(error))
        keys = known[1]
    _loaded = (stamp or (settings.JWT_KEYS_FILE, 0, 0, 0), keys)
    return keys


def read() -> Keys:
    """Read the file; raise KeyFileError."""
    try:
        document = json.loads(path().read_bytes())
        keys = [ECKey.import_key(item) for item in document["keys"]]
        verifying = {str(key.kid): key for key in keys if key.kid}
        usable = all(key.is_private and key.curve_name == _CURVE for key in keys)
    except FileNotFoundError:
        sentence = f"There is no file {path()}: run `manage.py jwt_keys create`, or set JWT_KEYS_FILE."
        raise KeyFileError(sentence) from None
    except OSError as error:
        raise KeyFileError(f"The file {path()} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, JoseError):
        raise KeyFileError(f"The file {path()} is not a JWK set.") from None
    if not keys or not usable or len(verifying) != len(keys):
        raise KeyFileError(f"The file {path()} must hold private P-256 keys, at least one, each with its own kid.")
    return Keys(signing=keys[0], verifying=verifying)


def create() -> bool:
    """Make the file with one key; return False, changing nothing, if it is there already. Raises KeyFileError."""
    temporary = _write_beside([_new_key()])
    try:
        # A link fails where the file exists: of two processes that start at once, one makes the key.
        path().hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError as error:
        raise KeyFileError(f"The file {path()} cannot be made: {error.strerror}.") from None
    finally:
        temporary.unlink()
    return True


def rotate() -> str:
    """Put a new key first, so that it signs from now on; return its kid. Raises KeyFileError."""
    new = _new_key()
    _replace([new, *read().verifying.values()])
    return str(new.kid)


def retire() -> int:
    """Drop the keys that do not sign; return how many. What they signed is refused from now on. Raises KeyFileError."""
    keys = read()
    _replace([keys.signing])
    return len(keys.verifying) - 1


def _new_key() -> ECKey:
    key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": ALGORITHM}, private=True)
    return ECKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def _replace(keys: list[ECKey]) -> None:
    try:
        _write_beside(keys).replace(path())
    except OSError as error:
        raise KeyFileError(f"The file {path()} cannot be replaced: {error.strerror}.") from None


def _write_beside(keys: list[ECKey]) -> Path:
    """Write the keys to a new file in the same folder, for the owner alone, and return where."""
    text = json.dumps({"keys": [key.as_dict(private=True) for key in keys]}, indent=1)
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path().parent, prefix=".jwt-keys-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, _OWNER_ONLY)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise KeyFileError(f"Nothing can be written in {path().parent}: {error.strerror}.") from None
    return Path(name)


def _stamp() -> _Stamp | None:
    """Return what changes when the file does, or None where there is no file."""
    name = settings.JWT_KEYS_FILE
    try:
        found = os.stat(name)  # noqa: PTH116 - asked with every request: a Path costs more than the question
    except OSError:
        return None
    return name, found.st_mtime_ns, found.st_size, found.st_ino
