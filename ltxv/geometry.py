"""Sizes in pixels, frames and tokens.

The arithmetic is the reference's (Lightricks/LTX-Video, ``inference.py`` and
``LTXMultiScalePipeline``): the request is padded to the VAE's grid, the first pass runs at two
thirds of that, the second at exactly twice the first, and the result is resized and cropped back.
"""

from __future__ import annotations

import math
from typing import NamedTuple

SPATIAL = 32
"""Pixels a latent covers on each side."""
TEMPORAL = 8
"""Frames a latent covers, after the first, which covers one."""
DOWNSCALE = 0.6666666
"""First pass over padded size. Not 2/3: 1152 becomes 736 with this and 768 with two thirds."""

_SIZES = {
    ("720p", "16:9"): (1280, 720),
    ("720p", "9:16"): (720, 1280),
    ("720p", "1:1"): (720, 720),
    ("480p", "16:9"): (854, 480),
    ("480p", "9:16"): (480, 854),
    ("480p", "1:1"): (480, 480),
}
_WIDEST = 21 / 9


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Padding(NamedTuple):
    """Pixels added on each side, in the order that ``torch.nn.functional.pad`` takes."""

    left: int
    right: int
    top: int
    bottom: int


def output_size(resolution: str, aspect_ratio: str, *, first_item: Size | None = None) -> Size:
    """Return the size of the finished clip, both sides even.

    ``auto`` keeps the first conditioning item's aspect ratio, no wider than 21:9 and no taller
    than 9:21, at the area of the resolution's 16:9; without an item it is 16:9.
    """
    if aspect_ratio != "auto":
        return Size(*_SIZES[resolution, aspect_ratio])
    wide = Size(*_SIZES[resolution, "16:9"])
    if first_item is None:
        return wide
    ratio = min(max(first_item.width / first_item.height, 1 / _WIDEST), _WIDEST)
    area = wide.width * wide.height
    return Size(_even(math.sqrt(area * ratio)), _even(math.sqrt(area / ratio)))


def padded_size(size: Size) -> Size:
    """Return ``size`` with both sides brought up to multiples of 32."""
    return Size(_up(size.width), _up(size.height))


def padding(size: Size) -> Padding:
    """Return what ``padded_size`` adds on each side; the odd pixel goes right and below."""
    padded = padded_size(size)
    across, down = padded.width - size.width, padded.height - size.height
    return Padding(across // 2, across - across // 2, down // 2, down - down // 2)


def padded_frames(frames: int) -> int:
    """Return the smallest 8k+1 that is not below ``frames``."""
    return (frames - 2) // TEMPORAL * TEMPORAL + TEMPORAL + 1


def first_pass_size(size: Size) -> Size:
    """Return the size of the first pass for a clip of ``size``."""
    padded = padded_size(size)
    return Size(_down(int(padded.width * DOWNSCALE)), _down(int(padded.height * DOWNSCALE)))


def second_pass_size(size: Size) -> Size:
    """Return the size of the second pass: exactly twice the first."""
    first = first_pass_size(size)
    return Size(first.width * 2, first.height * 2)


def latent_frames(frames: int) -> int:
    """Return how many latents stand for ``frames`` frames, 8k+1."""
    return (frames - 1) // TEMPORAL + 1


def tokens(size: Size, frames: int) -> int:
    """Return how many tokens the transformer sees for a clip of ``frames`` frames, 8k+1."""
    return latent_frames(frames) * (size.width // SPATIAL) * (size.height // SPATIAL)


def _up(side: int) -> int:
    return -(-side // SPATIAL) * SPATIAL


def _down(side: int) -> int:
    return side // SPATIAL * SPATIAL


def _even(side: float) -> int:
    return round(side / 2) * 2
