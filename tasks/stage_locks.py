"""Stages are made once at a time: Prefect's locks on result records, as leases in the store."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

from prefect.exceptions import MissingContextError
from prefect.locking.protocol import LockManager
from prefect.logging import get_logger, get_run_logger

from blocks.media_store import MediaStore
from blocks.media_store.leases import Lease
from ltxv.errors import Cancelled, LTXError, Transient
from tasks.ledger import tell_note

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_SAY_AGAIN_SECONDS = 300


class StageLocks(LockManager):
    """The locks of the task runs that one call of a stage leads to.

    A lock keeps others from doing the same work meanwhile and guards nothing else: a result that
    is there is used without one, and where the store cannot lock, a stage runs all the same.
    """

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._held: dict[tuple[str, str], Lease] = {}
        self._closed = threading.Event()

    def acquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,  # noqa: ARG002 - a lease lasts as long as its holder
    ) -> bool:
        """Wait until the record is there or this holder may make it.

        Raises:
            Cancelled: The call of the stage was given up meanwhile.
        """
        lease = self._store.lease(key)
        self._held[key, holder] = lease
        wait = _Wait(key, lease, self._store)
        while not wait.is_over():
            if acquire_timeout is not None and wait.seconds >= acquire_timeout:
                del self._held[key, holder]
                return False
            if self._closed.wait(wait.pause()):
                raise Cancelled(f"the run no longer waits for {_stage_of(key)}")
        return True

    async def aacquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Do as ``acquire_lock`` does, in a thread of its own."""
        return await asyncio.to_thread(
            self.acquire_lock, key, holder, acquire_timeout, hold_timeout
        )

    def release_lock(self, key: str, holder: str) -> None:
        """Let others make the record, or find it."""
        lease = self._held.pop((key, holder), None)
        if lease is not None:
            _release(key, lease)

    def is_locked(self, key: str) -> bool:
        """Say whether a holder of this call has the lock; others' locks forbid no writing."""
        return any(held == key for held, _ in tuple(self._held))

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Say whether this holder has the lock."""
        return (key, holder) in self._held

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:  # noqa: ARG002
        """Return at once: a record may be read while it is locked."""
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:  # noqa: ARG002, ASYNC109
        """Return at once, as ``wait_for_lock`` does."""
        return True

    def close(self) -> None:
        """End all waiting and give up what is still held."""
        self._closed.set()
        for key, holder in tuple(self._held):
            self.release_lock(key, holder)


class _Wait:
    """One holder's wait for a record or for the right to make it."""

    def __init__(self, key: str, lease: Lease, store: MediaStore) -> None:
        self._key = key
        self._lease = lease
        self._store = store
        self._started = time.monotonic()
        self._well = self._started
        self._say_at = self._started
        self._pause = _FIRST_PAUSE

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self._started

    def is_over(self) -> bool:
        """Say whether the stage can go on."""
        try:
            over = self._store.has_result(self._key) or self._lease.take()
        except LTXError as error:
            return self._gives_up(error)
        self._well = time.monotonic()
        if not over:
            self._say()
        return over

    def pause(self) -> float:
        """Return how many seconds to wait before the next look, longer each time."""
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return self._pause

    def _gives_up(self, error: LTXError) -> bool:
        """Go without a lock if there was no wait yet, or if the store has failed for a term."""
        waited = self._well > self._started
        ill_for = time.monotonic() - self._well
        if isinstance(error, Transient) and waited and ill_for < self._store.lease_seconds:
            return False
        _logger().warning(
            "%s runs without a lock, so another run may make the same: %s",
            _stage_of(self._key),
            error,
        )
        return True

    def _say(self) -> None:
        if time.monotonic() < self._say_at:
            return
        self._say_at = time.monotonic() + _SAY_AGAIN_SECONDS
        stage, holder = _stage_of(self._key), self._lease.holder
        note = f"waiting for {stage}, which {holder} is making ({self.seconds:.0f} s so far)"
        _logger().info(note)
        tell_note(note)


def _release(key: str, lease: Lease) -> None:
    try:
        lease.release()
    except LTXError as error:
        _logger().warning("the lock on %s was not released: %s", _stage_of(key), error)


def _stage_of(key: str) -> str:
    return key.partition("/")[0]


def _logger() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("stage_locks")
