"""Synthetic clips to fit the tiny checkpoint on: dead leaves that pan and zoom.

Overlapping discs and stripes whose sizes follow a power law have edges, flat regions and the
1/f spectrum of photographs (Lee, Mumford and Huang, 2001), and belong to nobody.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor

_LEAVES = 160
_SMALLEST, _LARGEST = 0.02, 0.6
_CANVAS = 1.5


def moving_leaves(count: int, *, frames: int, size: int, speed: float = 3.0) -> Tensor:
    """Return (count, 3, frames, size, size) in -1..1 that move up to ``speed`` pixels a frame."""
    canvas = leaves(count, math.ceil(size * _CANVAS))
    time = torch.linspace(-0.5, 0.5, frames) * frames
    velocity = (torch.rand(count, 2, 1) * 2 - 1) * speed * 2 / (size * _CANVAS)
    zoom = 1 + (torch.rand(count, 1) * 2 - 1) * 0.004 * speed * time
    transform = torch.zeros(count, frames, 2, 3)
    transform[:, :, 0, 0] = transform[:, :, 1, 1] = zoom / _CANVAS
    transform[:, :, :, 2] = (velocity * time).transpose(1, 2)
    grid = F.affine_grid(
        transform.flatten(0, 1), [count * frames, 3, size, size], align_corners=False
    )
    still = canvas.repeat_interleave(frames, dim=0)
    moved = F.grid_sample(still, grid, padding_mode="reflection", align_corners=False)
    return moved.reshape(count, frames, 3, size, size).transpose(1, 2).contiguous()


def leaves(count: int, size: int) -> Tensor:
    """Return (count, 3, size, size): leaves from back to front over a soft ground."""
    axis = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    canvas = _soft(count, size)
    for _ in range(_LEAVES):
        at_y, at_x, angle, shape = torch.rand(4, count, 1, 1)
        radius = _SMALLEST * (_LARGEST / _SMALLEST) ** (torch.rand(count, 1, 1) ** 2)
        down, right = y - (2.4 * at_y - 1.2), x - (2.4 * at_x - 1.2)
        turned = down * torch.cos(6.3 * angle) + right * torch.sin(6.3 * angle)
        across = down * torch.sin(6.3 * angle) - right * torch.cos(6.3 * angle)
        distance = (turned**2 + (across * (0.4 + 2 * shape)) ** 2).sqrt()
        cover = torch.sigmoid((radius - distance) * size * 0.7).unsqueeze(1)
        colour = torch.rand(count, 3, 1, 1) * 0.9 + torch.rand(count, 1, 1, 1) * 0.7 - 0.8
        shade = (colour + 0.4 * (turned / radius).clamp(-1, 1).unsqueeze(1)).clamp(-1, 1)
        canvas = torch.lerp(canvas, shade, cover)
    return (canvas + 0.03 * torch.randn(count, 1, size, size)).clamp(-1, 1)


def _soft(count: int, size: int) -> Tensor:
    return F.interpolate(torch.randn(count, 3, 5, 5), size=size, mode="bicubic").tanh()
