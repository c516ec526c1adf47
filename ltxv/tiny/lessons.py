"""What the transformer learns from: latents of pictures under camera moves, made once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ltxv.model.conditioning import encode_pixels
from ltxv.model.latents import Statistics
from ltxv.model.upsample import upsample
from ltxv.tiny.moves import LOOKS, MOVES, View, filmed, looking

_SCALES = (0.5, 1.1)
_LOOK_SHARE = 0.4
_LARGEST = 100.0
"""Deviations beyond which a latent is a fault of a hasty VAE; half precision would overflow."""
_TENSORS = ("clips", "raised", "keys", "at")


@dataclass(frozen=True)
class Shape:
    """Clips of one size."""

    count: int
    frames: int
    width: int
    height: int


SHAPES = (
    Shape(448, 17, 192, 128),
    Shape(308, 17, 256, 160),
    Shape(196, 17, 256, 256),
    Shape(98, 17, 544, 288),
    Shape(140, 25, 192, 128),
    Shape(84, 9, 256, 192),
    Shape(98, 49, 192, 128),
    Shape(42, 17, 512, 320),
)
"""The 480p shape among them is the first pass's."""


@dataclass(frozen=True)
class Lesson:
    """Normalised latents of clips of one shape, float16, and what was asked for in each.

    ``raised`` are the clips at half size and upsampled, as the second pass begins;  ``keys`` the
    latents of the single frames ``at`` (count,) of them.
    """

    shape: Shape
    clips: Tensor
    raised: Tensor
    keys: Tensor
    at: Tensor
    moves: tuple[str, ...]
    looks: tuple[str | None, ...]


@torch.no_grad()
def make_lesson(vae: Any, upsampler: Any, pictures: Sequence[Tensor], shape: Shape) -> Lesson:
    """Return a lesson of clips of ``shape`` made from ``pictures``, each (3, h, w) in -1..1."""
    statistics = Statistics(
        vae.latents_mean.float().view(1, -1, 1, 1, 1), vae.latents_std.float().view(1, -1, 1, 1, 1)
    )
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    moves = tuple(MOVES[index % len(MOVES)] for index in range(shape.count))
    looks = tuple(
        _one_of(LOOKS) if float(torch.rand(())) < _LOOK_SHARE else None for _ in range(shape.count)
    )
    at = 8 * torch.randint(1, shape.frames // 8 + 1, (shape.count,))
    for move, look, key in zip(moves, looks, at.tolist(), strict=True):
        clip = looking(_seen(_one_of(pictures), move, shape), look).unsqueeze(0)
        raised = torch.empty(0)
        if shape.width % 64 == 0 and shape.height % 64 == 0:
            small = encode_pixels(vae, F.avg_pool3d(clip, (1, 2, 2)), statistics)
            raised = upsample(upsampler, small, statistics=statistics, adain_factor=1.0)
        whole = encode_pixels(vae, clip, statistics)
        single = encode_pixels(vae, clip[:, :, key : key + 1], statistics)
        found.append((whole, single, raised))
    clips, keys, raised = (
        torch.cat(part).clamp(-_LARGEST, _LARGEST).half() for part in zip(*found, strict=True)
    )
    return Lesson(shape, clips, raised, keys, at, moves, looks)


def save_lesson(file: Path, lesson: Lesson) -> None:
    """Keep a lesson in a safetensors file."""
    tensors = {name: getattr(lesson, name).contiguous() for name in _TENSORS}
    asked = json.dumps({"moves": lesson.moves, "looks": lesson.looks})
    save_file(tensors, file, metadata={"asked": asked})


def load_lesson(file: Path, shape: Shape) -> Lesson:
    """Return the lesson that ``save_lesson`` kept."""
    with safe_open(file, framework="pt") as held:
        asked = json.loads(held.metadata()["asked"])
        tensors = {name: held.get_tensor(name) for name in _TENSORS}
    return Lesson(shape, moves=tuple(asked["moves"]), looks=tuple(asked["looks"]), **tensors)


def _seen(picture: Tensor, move: str, shape: Shape) -> Tensor:
    low, high = _SCALES
    tall, wide = picture.shape[1:]
    scale = low + (high - low) * float(torch.rand(()))
    scale = min(scale, tall / shape.height, wide / shape.width)
    at = torch.rand(2)
    room = (tall - shape.height * scale, wide - shape.width * scale)
    centre = (
        float(at[0]) * room[0] + shape.height * scale / 2,
        float(at[1]) * room[1] + shape.width * scale / 2,
    )
    tint = 1 + 0.3 * (torch.rand(3, 1, 1, 1) - 0.5)
    shown = filmed(
        picture,
        View(centre, scale),
        move=move,
        frames=shape.frames,
        height=shape.height,
        width=shape.width,
    )
    return (shown * tint + 0.2 * float(torch.rand(()) - 0.5)).clamp(-1, 1)


def _one_of(things: Sequence[Any]) -> Any:
    return things[int(torch.randint(len(things), ()))]
