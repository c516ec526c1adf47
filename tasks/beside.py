"""A stage that goes on in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Generic, TypeVar

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

R = TypeVar("R")


class Beside(Generic[R]):
    """A stage under way beside others."""

    def __init__(
        self,
        future: PrefectFuture[R],
        *,
        enter: Callable[[Sequence[State[Any]], float], None],
        kept: ExitStack,
    ) -> None:
        self._future = future
        self._enter = enter
        self._kept = kept
        self._started = time.monotonic()
        self._ended = self._started
        future.add_done_callback(self._end)

    def result(self) -> R:
        """Wait for the stage to end, and return its outcome or raise its error."""
        with self._kept:
            self._future.wait()
        self._enter([self._future.state], self._ended - self._started)
        return self._future.result()

    def _end(self, _future: PrefectFuture[R]) -> None:
        self._ended = time.monotonic()
