"""The session engine: Django's database sessions, with three differences.

The key is stored as a digest (`session_keys.py`). What a session holds is encrypted: codes that were sent by mail, and
the secret of a second factor that is being set up. And the LoginSession follows its Django session: it gets the new key
when the key is renewed and ends when the session does, whoever ends it (our sign-out, the admin's, Django's own check
of the password hash).
"""

from typing import Any, Self

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from paysettle.identity import browser_sessions, session_keys
from paysettle.identity.operations import sessions
from paysettle.identity.standing import SessionEnded
from paysettle.kernel import encryption

_PURPOSE = "identity.session"


class SessionStore(db.SessionStore):
    """One Django session."""

    _opened: tuple[str, bytes] | None = None

    @classmethod
    def open_by_digest(cls, key_digest: bytes) -> Self:
        """Return the session whose key has this digest, for a caller who proved by an access token that it is theirs.

        Its `session_key` is a stand-in that opens nothing, until the key is renewed; the key of before only the client
        knows.
        """
        stand_in = f"opened-by-digest-{session_keys.row_key(key_digest)}"
        store = cls(stand_in)
        store._opened = (stand_in, key_digest)
        return store

    @property
    def opened_by_digest(self) -> bool:
        """Tell whether it was opened so."""
        return self._opened is not None

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Return the session's data, sealed."""
        return encryption.seal(super().encode(session_dict), purpose=_PURPOSE)

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Return the data of a session; of one that cannot be opened, nothing."""
        try:
            return super().decode(encryption.unseal(str(session_data), purpose=_PURPOSE))
        except encryption.CannotOpen:
            return {}

    def exists(self, session_key: str) -> bool:
        return super().exists(self._row_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        row.session_key = self._row_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete the row and end the LoginSession that goes with it."""
        key = session_key or self.session_key
        if key is None:
            return
        super().delete(self._row_key(key))
        sessions.end_with_django_session(self._digest(key))

    def cycle_key(self) -> None:
        """Renew the key; the LoginSession lives on under the new one, and under that alone.

        Raises SessionEnded if another request has renewed it at the same time: this one has no session any more.
        """
        data = self._session  # type: ignore[attr-defined]
        before = self.session_key
        self.create()
        self._session_cache = data
        if before and self.session_key:
            followed = sessions.follow_key(before=self._digest(before), after=self._digest(self.session_key))
            super().delete(self._row_key(before))
            if not followed and browser_sessions.login_session_id(self) is not None:
                self.flush()
                raise SessionEnded

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return await sync_to_async(self.create_model_instance)(data)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()

    def _get_session_from_db(self) -> Session | None:
        row = None
        if self.session_key:
            here = Session.objects.filter(session_key=self._row_key(self.session_key))
            row = here.filter(expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
        return row

    async def _aget_session_from_db(self) -> Session | None:
        return await sync_to_async(self._get_session_from_db)()

    def _digest(self, session_key: str) -> bytes:
        if self._opened is not None and session_key == self._opened[0]:
            return self._opened[1]
        return session_keys.digest(session_key)

    def _row_key(self, session_key: str) -> str:
        return session_keys.row_key(self._digest(session_key))
