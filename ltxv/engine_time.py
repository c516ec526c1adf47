"""How long an engine worked, told to whoever asked for the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_HEAR: ContextVar[Callable[[float], None] | None] = ContextVar("engine_time", default=None)


@contextmanager
def engine_time(hear: Callable[[float], None]) -> Iterator[None]:
    """Call ``hear`` with the seconds of each piece of work that is done inside.

    They are those at work, without waiting for other runs' turns, and count also where the work
    fails or is cancelled. An engine that loads its weights first is at work.
    """
    token = _HEAR.set(hear)
    try:
        yield
    finally:
        _HEAR.reset(token)


def tell_engine_time(seconds: float) -> None:
    """Say how long an engine worked, if anyone wants to hear it."""
    hear = _HEAR.get()
    if hear is not None:
        hear(seconds)
