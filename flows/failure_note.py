"""Why a run made nothing, noted where whoever asked for it can read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.media_store import MediaStore
from blocks.run_notes import note_failure
from ltxv.errors import LTXError


@contextmanager
def failure_noted(store: MediaStore) -> Iterator[None]:
    """Note in the store, with fields and types, what is raised inside.

    The flow run's state has one line of text alone.
    """
    try:
        yield
    except LTXError as error:
        run = flow_run.get_id()
        if run is not None:
            try:
                note_failure(run, error, store)
            except LTXError as fault:
                get_run_logger().warning("the failure is not noted in the store: %s", fault)
        raise
