"""What a camera does, read from the frames alone by optical flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.filters import gaussian
from skimage.registration import optical_flow_ilk

STILL = 0.08
"""Pixels a frame below which a clip holds; one that was asked to hold stays below 0.03."""


@dataclass(frozen=True)
class Motion:
    """Pixels a frame: of the picture to the right and downwards, and outwards at its border."""

    right: float
    down: float
    outwards: float

    @property
    def size(self) -> float:
        """The largest of the three, whatever its sign."""
        return max(abs(self.right), abs(self.down), abs(self.outwards))

    @property
    def move(self) -> str:
        """The camera move that this is; the picture of ``pan left`` moves to the right."""
        if self.size < STILL:
            return "hold"
        if abs(self.outwards) == self.size:
            return "zoom in" if self.outwards > 0 else "zoom out"
        if abs(self.right) == self.size:
            return "pan left" if self.right > 0 else "pan right"
        return "pan up" if self.down > 0 else "pan down"


def motion(frames: np.ndarray, *, apart: int = 4) -> Motion:
    """Return the motion of a clip (f, h, w, 3) uint8 over frames ``apart`` of each other.

    Places count by their structure: the flow of a flat sky is noise.
    """
    grey = frames.astype(np.float32).mean(axis=3) / 255
    pairs = [(first, first + apart) for first in range(0, len(grey) - apart, apart)]
    down, right = np.mean([optical_flow_ilk(grey[a], grey[b], radius=15) for a, b in pairs], axis=0)
    still = gaussian(grey.mean(axis=0), 2)
    weight = gaussian(np.square(np.gradient(still)).sum(axis=0), 8)
    weight /= weight.sum()
    y, x = np.meshgrid(
        np.linspace(-1, 1, grey.shape[1]), np.linspace(-1, 1, grey.shape[2]), indexing="ij"
    )
    x, y = x - (weight * x).sum(), y - (weight * y).sum()
    outwards = (weight * (right * x + down * y)).sum() / (weight * (x * x + y * y)).sum()
    parts = ((weight * right).sum(), (weight * down).sum(), outwards)
    return Motion(*(float(part) / apart for part in parts))
