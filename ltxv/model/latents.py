"""Latents in their two shapes, a clip (1, C, T, H, W) and tokens (1, T*H*W, C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ltxv.engine import PassWork
from ltxv.geometry import SPATIAL, TEMPORAL


@dataclass(frozen=True)
class Grid:
    """A clip's size in latents."""

    frames: int
    height: int
    width: int

    @classmethod
    def of(cls, work: PassWork) -> Grid:
        """Return the grid of a pass: 32x32 pixels a latent, 8k+1 frames in k+1 latents."""
        return cls((work.frames - 1) // TEMPORAL + 1, work.height // SPATIAL, work.width // SPATIAL)

    @property
    def tokens(self) -> int:
        """How many tokens the transformer sees."""
        return self.frames * self.height * self.width


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of a VAE's latents, each (1, C, 1, 1, 1)."""

    mean: Tensor
    std: Tensor

    def normalise(self, latents: Tensor) -> Tensor:
        """Return latents of mean 0 and deviation 1, as the transformer knows them."""
        return (latents - self.mean) / self.std

    def denormalise(self, latents: Tensor) -> Tensor:
        """Return latents as the VAE and the upsampler know them."""
        return latents * self.std + self.mean


def pack(latents: Tensor) -> Tensor:
    """Return a clip (1, C, T, H, W) as tokens (1, T*H*W, C)."""
    return latents.flatten(2).transpose(1, 2)


def unpack(tokens: Tensor, grid: Grid) -> Tensor:
    """Return tokens (1, T*H*W, C) as a clip (1, C, T, H, W)."""
    return tokens.transpose(1, 2).reshape(1, -1, grid.frames, grid.height, grid.width)


def coordinates(
    grid: Grid, *, frame_rate: float, start_frame: int = 0, device: str | torch.device = "cpu"
) -> Tensor:
    """Return where each token stands: (1, 3, T*H*W) of seconds, y and x in pixels.

    The first latent frame is one frame long and the others eight, so the second begins at
    frame 1 (the reference's causal fix, ``latent_to_pixel_coords_from_factors``).
    """
    frame = torch.arange(grid.frames, device=device) * TEMPORAL
    frame = (frame + 1 - TEMPORAL).clamp(min=0) + start_frame
    y = torch.arange(grid.height, device=device) * SPATIAL
    x = torch.arange(grid.width, device=device) * SPATIAL
    seconds = frame.float() * (1.0 / frame_rate)
    axes = torch.meshgrid(seconds, y.float(), x.float(), indexing="ij")
    return torch.stack(axes).flatten(1).unsqueeze(0)
