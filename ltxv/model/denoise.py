"""The denoising loop: one forward of the transformer for each sigma.

The rules are the reference's (Lightricks/LTX-Video, ``LTXVideoPipeline.__call__`` and
``RectifiedFlowScheduler.step``): every token has its own noise level, the lower of the step's
and the one its conditioning strength leaves it, and waits until the step's comes down to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ltxv.engine import OnStep
from ltxv.model.conditioning import Tokens
from ltxv.model.noise import Noise

_EPSILON = 1e-6


@dataclass(frozen=True)
class Prompt:
    """A text as the transformer attends to it: (1, n, channels), and (1, n) of true tokens."""

    embeds: Tensor
    mask: Tensor


def denoise(
    transformer: Any,
    tokens: Tokens,
    *,
    sigmas: Sequence[float],
    prompt: Prompt,
    noise: Noise,
    image_cond_noise_scale: float,
    on_step: OnStep,
) -> Tensor:
    """Return the denoised tokens of the clip (1, T*H*W, C), float32, without the extra ones."""
    table = torch.tensor([*sigmas, 0.0], device=tokens.latents.device)
    latents = tokens.latents
    for step in range(len(sigmas)):
        sigma = table[step]
        latents = _renoised(latents, tokens, sigma, noise, image_cond_noise_scale)
        levels = noise_levels(sigma, tokens.mask)
        velocity = predict(transformer, latents, tokens.coords, levels, prompt)
        latents = advance(latents, velocity, levels=levels, table=table, sigma=sigma, of=tokens)
        on_step(step + 1, len(sigmas))
    return latents[:, tokens.extra :]


def noise_levels(sigma: Tensor, mask: Tensor | None) -> Tensor:
    """Return each token's noise level (1, N), or (1, 1) where all share the step's."""
    return sigma.view(1, 1) if mask is None else torch.minimum(sigma, 1.0 - mask)


def predict(
    transformer: Any, latents: Tensor, coords: Tensor, levels: Tensor, prompt: Prompt
) -> Tensor:
    """Return the velocity of every token, float32: one forward."""
    dtype = transformer.dtype
    velocity: Tensor = transformer(
        hidden_states=latents.to(dtype),
        encoder_hidden_states=prompt.embeds.to(dtype),
        encoder_attention_mask=prompt.mask,
        timestep=levels * 1000.0,
        video_coords=coords,
        return_dict=False,
    )[0]
    return velocity.float()


def advance(
    latents: Tensor,
    velocity: Tensor,
    *,
    levels: Tensor,
    table: Tensor,
    sigma: Tensor,
    of: Tokens,
) -> Tensor:
    """Move each token to the next lower level of the table (falling, ends in 0).

    Tokens whose own level lies below the step's stay where they are.
    """
    below = table.view(-1, 1, 1) < levels - _EPSILON
    lower = (below * table.view(-1, 1, 1)).amax(dim=0)
    moved = latents - (levels - lower).unsqueeze(-1) * velocity
    if of.mask is None:
        return moved
    awake = sigma - _EPSILON < 1.0 - of.mask
    return torch.where(awake.unsqueeze(-1), moved, latents)


def _renoised(latents: Tensor, tokens: Tokens, sigma: Tensor, noise: Noise, scale: float) -> Tensor:
    """Give fully conditioned tokens a fresh, fading share of noise, which helps motion.

    The noise is drawn for all tokens and on every step of a conditioned pass, as the reference
    draws it, so that a seed keeps its meaning.
    """
    if tokens.mask is None or scale <= 0:
        return latents
    drawn = noise.draw(*latents.shape).to(latents.device)
    kept = tokens.mask > 1.0 - _EPSILON
    return torch.where(kept.unsqueeze(-1), tokens.latents + scale * drawn * sigma**2, latents)
