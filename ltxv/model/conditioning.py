"""Pictures and clips that a pass must follow, brought into its tokens.

The rules are the reference's (Lightricks/LTX-Video, ``prepare_conditioning``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor

from ltxv.engine import Frames, Placement
from ltxv.geometry import TEMPORAL
from ltxv.model.latents import Grid, Statistics, coordinates, pack
from ltxv.model.noise import Noise

_PREFIX = 2
"""Latent frames at the head of a later clip that were encoded without their past."""


@dataclass(frozen=True)
class Condition:
    """One conditioning item, encoded: normalised latents (1, C, t, H, W)."""

    placement: Placement
    latents: Tensor


@dataclass(frozen=True)
class Tokens:
    """What the transformer denoises.

    ``latents`` (1, N, C) begins with ``extra`` tokens that stand beside the clip and are taken
    away after the pass; ``mask`` (1, N) says how strongly each token is conditioned, and is None
    where nothing conditions the clip; ``coords`` is (1, 3, N).
    """

    latents: Tensor
    coords: Tensor
    mask: Tensor | None = None
    extra: int = 0


def sized(
    frames: Frames, *, padding: tuple[int, int, int, int], width: int, height: int, device: str
) -> Tensor:
    """Return an item as pixels (1, 3, f, height, width) in -1..1.

    The target's padding is added at the item's own scale, in mid-grey, and the whole is resized
    by bilinear interpolation without antialiasing, both as the reference does.
    """
    pixels = torch.tensor(frames, device=device).permute(0, 3, 1, 2).float()
    pixels = pixels.div_(127.5).sub_(1.0)
    pixels = F.pad(pixels, padding)
    if pixels.shape[-2:] != (height, width):
        pixels = F.interpolate(pixels, size=(height, width), mode="bilinear", align_corners=False)
    return pixels.transpose(0, 1).unsqueeze(0)


def encode_pixels(vae: Any, pixels: Tensor, statistics: Statistics) -> Tensor:
    """Return normalised latents, the posterior's mode: a sample would differ on each run."""
    posterior = vae.encode(pixels.to(vae.dtype)).latent_dist
    return statistics.normalise(posterior.mode().float())


def place(
    latents: Tensor, conditions: Sequence[Condition], *, frame_rate: float, noise: Noise
) -> Tokens:
    """Return the tokens of a pass that starts from ``latents`` (1, C, T, H, W)."""
    grid = Grid(*latents.shape[2:])
    coords = coordinates(grid, frame_rate=frame_rate, device=latents.device)
    if not conditions:
        return Tokens(pack(latents), coords)
    latents = latents.clone()
    mask = latents.new_zeros(1, 1, *latents.shape[2:])
    beside = [
        _extra_tokens(outside, frame_rate=frame_rate, noise=noise)
        for condition in conditions
        if (outside := _set_inside(latents, mask, condition)) is not None
    ]
    return Tokens(
        latents=torch.cat([*(item.latents for item in beside), pack(latents)], dim=1),
        coords=torch.cat([*(item.coords for item in beside), coords], dim=2),
        mask=torch.cat([*(_masked(item) for item in beside), pack(mask).squeeze(-1)], dim=1),
        extra=sum(item.extra for item in beside),
    )


def _set_inside(latents: Tensor, mask: Tensor, condition: Condition) -> Condition | None:
    """Blend a condition into the clip, in place; return the part that belongs beside it.

    An item at frame 0 is blended whole. Of a later clip the first two latent frames stand
    beside the clip and the rest is blended; a later picture stands beside it.
    """
    placement = condition.placement
    skipped = 0 if placement.start_frame == 0 else _PREFIX
    inside = condition.latents[:, :, skipped:]
    if inside.shape[2]:
        first = placement.start_frame // TEMPORAL + skipped
        span = slice(first, first + inside.shape[2])
        latents[:, :, span] = torch.lerp(latents[:, :, span], inside, placement.strength)
        mask[:, :, span] = placement.strength
    return replace(condition, latents=condition.latents[:, :, :skipped]) if skipped else None


def _extra_tokens(condition: Condition, *, frame_rate: float, noise: Noise) -> Tokens:
    clean, placement = condition.latents, condition.placement
    drawn = noise.draw(*clean.shape).to(clean.device)
    tokens = pack(torch.lerp(drawn, clean, placement.strength))
    coords = coordinates(
        Grid(*clean.shape[2:]),
        frame_rate=frame_rate,
        start_frame=placement.start_frame,
        device=clean.device,
    )
    mask = tokens.new_full(tokens.shape[:2], placement.strength)
    return Tokens(tokens, coords, mask, extra=tokens.shape[1])


def _masked(tokens: Tokens) -> Tensor:
    return tokens.mask if tokens.mask is not None else tokens.latents.new_zeros(())
