"""Synthetic clips to measure and fit the tiny checkpoint on."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor


def random_clips(count: int, *, frames: int, size: int) -> Tensor:
    """Return (count, 3, frames, size, size) in -1..1: soft blobs of every scale that pan."""
    canvas = sum(
        F.interpolate(torch.randn(count, 3, cells, cells), size=2 * size, mode="bicubic") / share
        for share, cells in ((1.5, 4), (2.0, 12), (3.0, 48))
    )
    pictures = torch.as_tensor(canvas).tanh()
    steps = torch.randint(-3, 4, (count, 2))
    clips = []
    for picture, (down, right) in zip(pictures, steps.tolist(), strict=True):
        offsets = [(size // 2 + down * at, size // 2 + right * at) for at in range(frames)]
        clips.append(
            torch.stack([picture[:, y : y + size, x : x + size] for y, x in offsets], dim=1)
        )
    return torch.stack(clips)
