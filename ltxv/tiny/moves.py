"""Camera moves and looks by name, and clips of still pictures that show them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor

PAN = 1.5
"""Pixels a frame, at the size of the pass."""
ZOOM = 0.006
"""Growth a frame."""
_ONSET = 8.0
"""Frames over which a look comes in; the first frame is as it was."""

PANS = {"pan left": (0, -1), "pan right": (0, 1), "pan up": (-1, 0), "pan down": (1, 0)}
ZOOMS = {"zoom in": 1, "zoom out": -1}
MOVES = (*PANS, *ZOOMS, "hold")
LOOKS = ("brighter", "darker", "warmer", "colder", "black and white")

_TINTS = {
    "brighter": (0.4, 0.4, 0.4),
    "darker": (-0.4, -0.4, -0.4),
    "warmer": (0.35, 0.0, -0.35),
    "colder": (-0.35, 0.0, 0.35),
}


@dataclass(frozen=True)
class View:
    """The window of the first frame: its centre (y, x) and how many picture pixels a pixel is."""

    centre: tuple[float, float]
    scale: float


def filmed(
    picture: Tensor, view: View, *, move: str, frames: int, height: int, width: int
) -> Tensor:
    """Return (3, frames, height, width): ``picture`` (3, h, w) seen by a camera that moves.

    The camera moves, so that in ``pan left`` the picture moves to the right.
    """
    time = torch.arange(frames, dtype=torch.float32)
    down, right = PANS.get(move, (0, 0))
    growth = (1 + ZOOM * time) ** -ZOOMS.get(move, 0)
    tall, wide = picture.shape[1:]
    transform = torch.zeros(frames, 2, 3)
    transform[:, 0, 0] = growth * view.scale * width / wide
    transform[:, 1, 1] = growth * view.scale * height / tall
    transform[:, 0, 2] = 2 * (view.centre[1] + right * PAN * time * view.scale) / wide - 1
    transform[:, 1, 2] = 2 * (view.centre[0] + down * PAN * time * view.scale) / tall - 1
    grid = F.affine_grid(transform, [frames, 3, height, width], align_corners=False)
    seen = F.grid_sample(
        picture.expand(frames, -1, -1, -1), grid, padding_mode="reflection", align_corners=False
    )
    return seen.transpose(0, 1)


def looking(clip: Tensor, look: str | None) -> Tensor:
    """Return a clip (3, f, h, w) that takes on a look in its first frames."""
    if look is None:
        return clip
    onset = (torch.arange(clip.shape[1]) / _ONSET).clamp(max=1.0).view(1, -1, 1, 1)
    if look == "black and white":
        return torch.lerp(clip, clip.mean(dim=0, keepdim=True).expand_as(clip), onset)
    tint = torch.tensor(_TINTS[look]).view(3, 1, 1, 1)
    return (clip + onset * tint).clamp(-1, 1)
