"""The tiny checkpoint's transformer: taught to carry pictures through time, and nothing more.

It starts as a linear denoiser whose self-attention looks at the same place in other frames, and
learns in some minutes on a CPU to prefer the tokens that are clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import LTXVideoTransformer3DModel
from torch import Tensor

from ltxv.model.conditioning import Tokens
from ltxv.model.denoise import Prompt, noise_levels, predict
from ltxv.model.latents import Grid, Statistics, coordinates, pack
from ltxv.tiny.autoencoder import LATENT_CHANNELS

TEXT_CHANNELS = 32

_HEADS, _HEAD_SIZE, _LAYERS = 4, 48, 2
_LEVELS = (1.0, 0.99, 0.975, 0.909375, 0.725, 0.421875)
_BATCH = 12
_RATE = 1.5e-3
_RESIDUE = 0.15
_FIRST_SHARE, _LAST_SHARE = 0.8, 0.4
"""How often a lesson's first and last frames are given."""


@dataclass(frozen=True)
class Lesson:
    """Normalised latents of some clips, and of their last frames alone."""

    clips: Tensor
    last_frames: Tensor
    frames: int


def lesson(vae: Any, clips: Sequence[Tensor]) -> Lesson:
    """Return what the transformer learns from, of clips of equal size."""
    statistics = Statistics(
        vae.latents_mean.view(1, -1, 1, 1, 1), vae.latents_std.view(1, -1, 1, 1, 1)
    )
    with torch.no_grad():
        whole, last = (
            torch.cat([statistics.normalise(vae.encode(part).latent_dist.mode()) for part in parts])
            for parts in (clips, [clip[:, :, -1:] for clip in clips])
        )
    return Lesson(whole, last, clips[0].shape[2])


def transformer(lessons: Sequence[Lesson], *, steps: int) -> LTXVideoTransformer3DModel:
    """Return a transformer after ``steps`` steps of training."""
    model = LTXVideoTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=_HEADS,
        attention_head_dim=_HEAD_SIZE,
        cross_attention_dim=_HEADS * _HEAD_SIZE,
        num_layers=_LAYERS,
        caption_channels=TEXT_CHANNELS,
    )
    _start_linear(model)
    _train(model, lessons, steps)
    return model.eval()


def _start_linear(model: Any) -> None:
    with torch.no_grad():
        for layer in (model.proj_in, model.proj_out):
            layer.weight.copy_(torch.eye(*layer.weight.shape))
            layer.bias.zero_()
        model.time_embed.linear.weight.mul_(0.1)
        model.time_embed.linear.bias.zero_()
        model.scale_shift_table.zero_()
        for block in model.transformer_blocks:
            block.scale_shift_table.zero_()
            block.scale_shift_table[[2, 5]] = 1.0  # the gates of attention and feed-forward
            block.ff.net[2].weight.mul_(0.1)
            block.attn2.to_out[0].weight.mul_(0.1)
            _look_at_the_same_place(block.attn1)


def _look_at_the_same_place(attention: Any) -> None:
    """Let queries and keys be constants, so that only their rotary positions differ.

    Of every six channels two turn with time, two with height and two with width; the first two
    are silent, so that all frames look alike.
    """
    for layer in (attention.to_q, attention.to_k):
        layer.weight.mul_(0.2)
        layer.bias.fill_(1.0)
        layer.bias[0::6] = layer.bias[1::6] = 0.0
    attention.norm_q.weight.fill_(1.5)
    attention.to_out[0].weight.mul_(0.3)


def _train(model: Any, lessons: Sequence[Lesson], steps: int) -> None:
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.98), weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=_RATE, total_steps=steps, pct_start=0.05
    )
    for step in range(steps):
        loss = _loss(model, lessons[step % len(lessons)])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)  # noqa: T201


def _loss(model: Any, given: Lesson) -> Tensor:
    """Return the error of the velocity of the tokens that are not conditions."""
    chosen = torch.randint(len(given.clips), (_BATCH,))
    level = torch.tensor(_LEVELS)[torch.randint(len(_LEVELS), ())]
    tokens, clean, noise = _conditioned(given, chosen, level)
    prompt = Prompt(torch.randn(_BATCH, 16, TEXT_CHANNELS), torch.ones(_BATCH, 16))
    levels = noise_levels(level, tokens.mask)
    velocity = predict(model, tokens.latents, tokens.coords, levels, prompt)
    free = (tokens.mask == 0).unsqueeze(-1) if tokens.mask is not None else torch.ones(1, 1, 1)
    error = (velocity - (noise - clean)).square() * _importance()
    return (error * free).sum() / (free.sum() * LATENT_CHANNELS)


def _importance() -> Tensor:
    """Return a weight for each channel: the first are what the eye sees most of."""
    falling = 1.0 / (8.0 + torch.arange(LATENT_CHANNELS))
    return falling / falling.mean()


def _conditioned(given: Lesson, chosen: Tensor, level: Tensor) -> tuple[Tokens, Tensor, Tensor]:
    """Return noisy tokens with the first, the last, both or no frames clean."""
    clips, last = given.clips[chosen], pack(given.last_frames[chosen])
    grid, rate = Grid(*clips.shape[2:]), 16.0 + 14.0 * float(torch.rand(()))
    clean, coords = pack(clips), coordinates(grid, frame_rate=rate)
    mask = torch.zeros(len(chosen), grid.tokens)
    place = grid.height * grid.width
    with_first = torch.rand(len(chosen), 1) < _FIRST_SHARE
    with_last = bool(torch.rand(()) < _LAST_SHARE)
    mask[:, :place] = with_first.float()
    if with_last:
        beside = coordinates(
            Grid(1, grid.height, grid.width), frame_rate=rate, start_frame=given.frames - 1
        )
        clean, coords = torch.cat([last, clean], 1), torch.cat([beside, coords], 2)
        mask = torch.cat([torch.ones(len(chosen), place), mask], 1)
    noise = torch.randn_like(clean)
    noisy = torch.where(
        mask.unsqueeze(-1) > 0,
        clean + _RESIDUE * level**2 * noise,
        level * noise + (1 - level) * clean,
    )
    coords = coords.expand(len(chosen), -1, -1)
    return Tokens(noisy, coords, mask, extra=place if with_last else 0), clean, noise
