"""A clip in memory that grows."""

from __future__ import annotations

import numpy as np

from ltxv.engine import DecodeWork, Frames


class Reel:
    """Collects the frames that an engine hands out.

    Args:
        work: What it was asked for.
    """

    def __init__(self, work: DecodeWork) -> None:
        self._frames: Frames = np.empty((work.frames, work.height, work.width, 3), np.uint8)
        self._count = 0

    def add(self, frames: Frames) -> None:
        """Put the next frames behind those that are there."""
        end = self._count + len(frames)
        self._frames[self._count : end] = frames
        self._count = end

    @property
    def frames(self) -> Frames:
        """The frames so far."""
        return self._frames[: self._count]
