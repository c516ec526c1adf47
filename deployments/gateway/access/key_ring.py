"""All keys of a house, kept in its store, so that every gateway knows the same."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from anyio import to_thread
from pydantic import ValidationError

from blocks.media_store import MediaStore
from blocks.media_store.keys import GATEWAY
from deployments.gateway.access.caller import Scope
from deployments.gateway.access.key_record import (
    KeyLimits,
    KeyRecord,
    NewKey,
    digest_of_secret,
    is_id,
    new_id,
    new_secret,
    parts_of,
)
from ltxv.errors import LTXError, Refused

_FOLDER = f"{GATEWAY}/keys"
_KNOWN_SECONDS = 3.0
_KNOWN_WITHOUT_STORE_SECONDS = 60.0
_MOST_KNOWN = 10_000
_NO_LIMITS = KeyLimits()

Known = tuple[float, KeyRecord | None]


class KeyRing:
    """Make, find and end keys.

    What was read is known for three seconds, so that a client that polls costs no reads and a
    revoked key is refused within seconds.

    Args:
        store: Where they are kept.
        needs_keys: Whether requests need a key even while there is none, because the gateway
            listens to others than its own machine.
    """

    def __init__(self, store: MediaStore, *, needs_keys: bool = False) -> None:
        self._place = store.own_place(_FOLDER)
        self._known: dict[str, Known] = {}
        self._needs_keys = needs_keys
        self._looked = float("-inf")

    def create(self, name: str, *, scope: Scope, limits: KeyLimits = _NO_LIMITS) -> NewKey:
        """Make a key; its secret is nowhere but in what is returned."""
        secret = new_secret()
        record = KeyRecord(
            id=new_id(),
            name=name,
            scope=scope,
            secret_sha256=digest_of_secret(secret),
            created=datetime.now(UTC),
            limits=limits,
        )
        self._write(record)
        return NewKey(record, secret)

    def all(self) -> list[KeyRecord]:
        """Return every key, the oldest first, those that were revoked included."""
        found = [self._read(name.removesuffix(".json")) for name in self._place.names()]
        return sorted((one for one in found if one is not None), key=lambda one: one.created)

    def get(self, id_: str) -> KeyRecord:
        """Return a key.

        Raises:
            Refused: There is none with that id.
        """
        record = self._read(id_)
        if record is None:
            said = f"there is no key {id_!r}; `ltx keys list` shows all"
            raise Refused.because(("key",), said, type="value_error", input=id_)
        return record

    def revoke(self, id_: str) -> KeyRecord:
        """End a key for good; its record stays, so that its requests keep their owner.

        Raises:
            Refused: There is none with that id.
        """
        record = self.get(id_)
        if record.revoked is None:
            record = record.model_copy(update={"revoked": datetime.now(UTC)})
            self._write(record)
        return record

    def rotate(self, id_: str, *, keep_old: timedelta = timedelta(0)) -> NewKey:
        """Give a key a new secret; its requests and files stay its own.

        Args:
            id_: The key.
            keep_old: How long the old secret works beside the new one.

        Raises:
            Refused: There is none with that id, or it was revoked.
        """
        record, secret, now = self.get(id_), new_secret(), datetime.now(UTC)
        if record.revoked is not None:
            said = "it was revoked, which is for good; make a new one with `ltx keys create`"
            raise Refused.because(("key",), said, type="value_error", input=id_)
        rotated = record.model_copy(
            update={
                "secret_sha256": digest_of_secret(secret),
                "rotated": now,
                "old_sha256": record.secret_sha256 if keep_old else None,
                "old_until": now + keep_old if keep_old else None,
            }
        )
        self._write(rotated)
        return NewKey(rotated, secret)

    async def holder(self, key: str) -> KeyRecord | None:
        """Return the record of the key that a caller shows; None if it opens nothing."""
        parts = parts_of(key)
        if parts is None:
            return None
        record = await self.in_force(parts[0])
        return record if record is not None and record.opens_with(parts[1]) else None

    async def in_force(self, id_: str) -> KeyRecord | None:
        """Return a key that was not revoked, as it was three seconds ago at the earliest."""
        when, record = self._known.get(id_, (float("-inf"), None))
        if time.monotonic() - when > _KNOWN_SECONDS:
            record = await to_thread.run_sync(self._read_anew, id_)
        return None if record is None or record.revoked is not None else record

    async def is_open(self) -> bool:
        """Say whether requests need no key: there never was one, and only this machine asks."""
        if self._needs_keys:
            return False
        if time.monotonic() - self._looked > _KNOWN_SECONDS:
            self._needs_keys = await to_thread.run_sync(self.has_keys)
            self._looked = time.monotonic()
        return not self._needs_keys

    def has_keys(self) -> bool:
        """Say whether a key was ever made."""
        return next(self._place.names(), None) is not None

    def _read_anew(self, id_: str) -> KeyRecord | None:
        """Read a key; one that was known a minute ago still is where the store is out of reach."""
        try:
            return self._read(id_)
        except LTXError:
            when, record = self._known.get(id_, (float("-inf"), None))
            if record is None or time.monotonic() - when > _KNOWN_WITHOUT_STORE_SECONDS:
                raise
            return record

    def _read(self, id_: str) -> KeyRecord | None:
        content = self._place.read(f"{id_}.json") if is_id(id_) else None
        record = None
        if content is not None:
            try:
                record = KeyRecord.model_validate_json(content)
            except ValidationError:  # damaged: as good as revoked
                record = None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[id_] = (time.monotonic(), record)
        return record

    def _write(self, record: KeyRecord) -> None:
        self._place.write(f"{record.id}.json", record.model_dump_json().encode())
        self._known.pop(record.id, None)
