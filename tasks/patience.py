"""What costly work made, brought to a store that may be away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from ltxv.errors import Transient
from ltxv.refs import Ref

R = TypeVar("R")

_WAITS_SECONDS = (2, 5, 15, 30)


def patiently(bring: Callable[[], R]) -> R:
    """Call ``bring``, again after a while if the store is away: what it brings is not made anew.

    Raises:
        Transient: The store was away for a minute.
    """
    for wait in _WAITS_SECONDS:
        try:
            return bring()
        except Transient as error:
            get_run_logger().warning("%s; it is tried again in %d s", error, wait)
            time.sleep(wait)
    return bring()


def kept(content: bytes | Path, *, folder: str, suffix: str, store: MediaStore) -> Ref:
    """Keep what a costly stage made.

    Raises:
        Misconfigured: The store cannot be written to.
        Transient: The store was away for a minute.
    """
    return patiently(lambda: store.put(content, folder=folder, suffix=suffix))
