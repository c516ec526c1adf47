"""Someone who wants to see a batch go on, such as a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from ltxv.row_record import RowRecord


class BatchWatcher(Protocol):
    """Hears what becomes of each row."""

    def checked(self, rows: int, *, kept: int, failed: int, to_run: int) -> None:
        """Hear that every row was read, and what is left to do."""

    def refused(self, record: RowRecord) -> None:
        """Hear of a row that is wrong as it is written."""

    def ended(self, record: RowRecord, *, number: int, of: int) -> None:
        """Hear what became of a row, the ``number``-th to end ``of`` all that run."""


_WATCHER: ContextVar[BatchWatcher | None] = ContextVar("batch_watcher", default=None)


@contextmanager
def batches_watched_by(watcher: BatchWatcher) -> Iterator[None]:
    """Show the batches run inside, in this process, to ``watcher``."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def batch_watcher() -> BatchWatcher | None:
    """Return who watches, if anyone does."""
    return _WATCHER.get()
