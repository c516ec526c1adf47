"""Latents to pictures, and pictures to the exact size asked for, all on the model's device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name
from torch import Tensor

from ltxv.engine import DecodeWork
from ltxv.model.latents import Statistics
from ltxv.model.noise import Noise

_AT_A_TIME = 16
"""Frames that leave the device together: 44 MB at 1280x720."""


def tone_map(latents: Tensor, compression: float) -> Tensor:
    """Compress large latents smoothly; 0 changes nothing, 1 is the most.

    The reference's ``tone_map_latents``: x * (1 - 0.8 s sigmoid(4 s (|x| - 1))), s = 0.75 c.
    """
    scale = 0.75 * compression
    return latents * (1.0 - 0.8 * scale * torch.sigmoid(4.0 * scale * (latents.abs() - 1.0)))


def decode_latents(
    vae: Any, latents: Tensor, work: DecodeWork, *, statistics: Statistics, noise: Noise
) -> Tensor:
    """Return pixels (1, 3, f, h, w) around -1..1 of normalised latents.

    Noise and tone map act on normalised latents, before the VAE's scale is restored, as in the
    reference; diffusers' own pipeline adds the noise after.
    """
    timestep = None
    if vae.config.timestep_conditioning:
        drawn = noise.draw(*latents.shape).to(latents.device)
        share = work.decode_noise_scale
        latents = latents * (1.0 - share) + drawn * share
        timestep = torch.tensor([work.decode_timestep], device=latents.device, dtype=vae.dtype)
    latents = statistics.denormalise(tone_map(latents, work.tone_map_compression_ratio))
    pixels: Tensor = vae.decode(latents.to(vae.dtype), timestep, return_dict=False)[0]
    return pixels


def finished(pixels: Tensor, work: DecodeWork) -> Iterator[Tensor]:
    """Yield frames (n, height, width, 3) in uint8, some at a time: clamped, resized, cropped."""
    clip = pixels[0].transpose(0, 1)[: work.frames]
    for start in range(0, len(clip), _AT_A_TIME):
        yield _finished(clip[start : start + _AT_A_TIME], work)


def _finished(clip: Tensor, work: DecodeWork) -> Tensor:
    left, right, top, bottom = work.padding
    padded = (work.height + top + bottom, work.width + left + right)
    frames = torch.empty(
        (len(clip), work.height, work.width, 3), dtype=torch.uint8, device=clip.device
    )
    for number, picture in enumerate(clip.unsqueeze(1)):
        # One at a time and channels last: on a CPU half the time of larger pieces, the same bits.
        part = picture.float().contiguous(memory_format=torch.channels_last)
        part = part.mul(0.5).add_(0.5).clamp_(0, 1)
        if part.shape[-2:] != padded:
            part = F.interpolate(part, size=padded, mode="bilinear", align_corners=False)
        part = part[..., top : top + work.height, left : left + work.width]
        frames[number] = part[0].permute(1, 2, 0).mul(255)
    return frames
