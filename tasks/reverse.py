"""Play the clip backwards."""

from __future__ import annotations

from ltxv.engine import Frames
from tasks.stage import passing_stage


@passing_stage("reverse")
def reverse(*, frames: Frames) -> Frames:
    """Return the frames in the opposite order, a view: they are encoded once, afterwards."""
    return frames[::-1]
