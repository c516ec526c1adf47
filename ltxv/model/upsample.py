"""From the first pass's latents to the second's: twice as wide and high, in the same style."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ltxv.model.latents import Statistics


def upsample(
    upsampler: Any, latents: Tensor, *, statistics: Statistics, adain_factor: float
) -> Tensor:
    """Return normalised latents of twice the width and height, in float32.

    The upsampler works on the VAE's own latents; its result takes the mean and deviation of
    ``latents`` back by ``adain_factor``.
    """
    raised = upsampler(statistics.denormalise(latents).to(upsampler.dtype)).float()
    return adain(statistics.normalise(raised), latents, factor=adain_factor)


def adain(latents: Tensor, reference: Tensor, *, factor: float) -> Tensor:
    """Give each channel of ``latents`` the mean and deviation of ``reference``'s, by ``factor``.

    Adaptive instance normalisation over time, height and width (the reference's
    ``adain_filter_latent``).
    """
    deviation, mean = torch.std_mean(latents, dim=(2, 3, 4), keepdim=True)
    wanted_deviation, wanted_mean = torch.std_mean(reference, dim=(2, 3, 4), keepdim=True)
    restyled = (latents - mean) / deviation * wanted_deviation + wanted_mean
    return torch.lerp(latents, restyled, factor)


def noised(latents: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """Return latents with the share ``sigma`` of noise that the second pass starts from."""
    return sigma * noise + (1.0 - sigma) * latents
