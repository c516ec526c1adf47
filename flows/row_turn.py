"""One batch at a time at a row: what overlaps waits, and finds the row finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from flows.batch_row import BatchRow
from ltxv.errors import Cancelled, LTXError
from ltxv.row_record import RowRecord

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


@contextmanager
def turn(
    row: BatchRow,
    store: MediaStore,
    *,
    finished: Callable[[], RowRecord | None],
    stop: Event,
) -> Iterator[RowRecord | None]:
    """Wait until this batch may make a row, and hold the right to while inside.

    A batch that dies frees its rows within the store's ``lease_seconds``.

    Args:
        row: What is going to be made.
        store: Where the claim is kept.
        finished: Looks whether another batch has finished the row.
        stop: Set when the batch is to end.

    Yields:
        The record of the row if another batch finished it meanwhile, else None.

    Raises:
        Cancelled: The batch is to end.
        Misconfigured: The store cannot be written to.
        Transient: It cannot be reached.
    """
    lease = store.lease(f"rows/{row.key}")
    pause, said = _FIRST_PAUSE, False
    while not lease.take():
        found = finished()
        if found is not None:
            yield found
            return
        if not said:
            get_run_logger().info("row %s waits: %s is making it", row.id, lease.holder)
            said = True
        if stop.wait(pause):
            raise Cancelled(f"the batch no longer waits for row {row.id}")
        pause = min(pause * 2, _LONGEST_PAUSE)
    try:
        yield finished()
    finally:
        try:
            lease.release()
        except LTXError as error:  # it is free once its term is over
            get_run_logger().warning("the claim on row %s is not given up: %s", row.id, error)
