"""Rows of a batch side by side, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from threading import Event

from flows.batch_row import BatchRow
from ltxv.row_record import RowRecord


def work_off(
    rows: Sequence[BatchRow],
    make: Callable[[BatchRow], RowRecord],
    *,
    at_once: int,
    enter: Callable[[RowRecord], None],
    stop: Event,
) -> None:
    """Call ``make`` for each row, in order, in as many threads as ``at_once``.

    Args:
        rows: What is to be done.
        make: Makes one; what goes wrong with it is in its record, and what it raises ends the work.
        at_once: How many at a time.
        enter: Takes each record, in this thread, as soon as it is there. What it raises ends the
            work, as does a signal: no row is begun any more.
        stop: Set when the work is to end, by this function or by anyone else.
    """
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="row") as crew:
        futures = [crew.submit(copy_context().run, make, row) for row in rows]
        try:
            for future in as_completed(futures):
                if stop.is_set():
                    _cancel(futures)
                try:
                    record = future.result()
                except CancelledError:
                    continue
                enter(record)
        except BaseException:
            stop.set()
            _cancel(futures)
            raise


def _cancel(futures: Sequence[Future[RowRecord]]) -> None:
    for future in futures:
        future.cancel()
