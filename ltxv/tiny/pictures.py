"""Pictures to learn from: photographs in the public domain, and dead leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ltxv.tiny.patterns import leaves

PHOTOGRAPHS = {
    "astronaut.png": "NASA, public domain",
    "hubble_deep_field.jpg": "NASA, public domain",
    "retina.jpg": "Mikael Haggstrom, CC0",
    "brick.png": "CC0Textures, CC0",
    "grass.png": "CC0Textures, CC0",
    "gravel.png": "CC0Textures, CC0",
    "camera.png": "Lav Varshney, CC0",
}
"""What is taken from the pictures that scikit-image ships, and its licence."""

_SIDE = 640


def photographs() -> list[Tensor]:
    """Return the training photographs, each (3, h, w) in -1..1 and at most 1000 pixels wide."""
    import skimage  # noqa: PLC0415  # only the recipe needs it

    folder = Path(skimage.__file__).parent / "data"
    return [read(folder / name) for name in PHOTOGRAPHS]


def read(path: Path) -> Tensor:
    """Return the picture in a file as (3, h, w) in -1..1."""
    with Image.open(path) as picture:
        picture.thumbnail((1000, 1000))
        pixels = torch.from_numpy(np.array(picture.convert("RGB")))
    return pixels.permute(2, 0, 1).float() / 127.5 - 1


def drawings(count: int) -> list[Tensor]:
    """Return ``count`` pictures of dead leaves."""
    return [picture for _ in range(count) for picture in leaves(1, _SIDE)]
