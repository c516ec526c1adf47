"""Frames on their way from a job to its caller."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from ltxv.engine import Frames


class Outbox:
    """Keeps frames until the caller has fetched them, and no longer.

    Whoever puts them in does not wait: a slow caller costs memory, and no time of the GPU.
    """

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None
        """Of each frame; None before the first."""
        self.size = 0
        """Bytes that were put in so far."""
        self._frames: deque[Frames] = deque()
        self._closed = False
        self._taken = False
        self._changed = threading.Condition()

    def put(self, frames: Frames) -> None:
        """Add the next frames."""
        with self._changed:
            self._frames.append(frames)
            self.shape = frames.shape[1:]
            self.size += frames.nbytes
            self._changed.notify_all()

    def close(self) -> None:
        """Say that no more come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> Iterator[Frames] | None:
        """Return the frames as they come, once; None before the first, and if somebody has them."""
        with self._changed:
            if self.shape is None or self._taken:
                return None
            self._taken = True
        return self._each()

    def _each(self) -> Iterator[Frames]:
        while (frames := self._next()) is not None:
            yield frames

    def _next(self) -> Frames | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._frames) or self._closed)
            return self._frames.popleft() if self._frames else None
