"""The tiny checkpoint's transformer: built to look at neighbours, then trained to move pictures.

Its width is laid out: the noisy latent, the clean picture as it is gathered from conditioned
frames, and room for neighbours, words and time. Training starts from a network that already
copies the clean frame to the same place of every other.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers import LTXVideoTransformer3DModel
from torch import Tensor

from ltxv.geometry import SPATIAL
from ltxv.tiny.autoencoder import LATENT_CHANNELS
from ltxv.tiny.layout import (
    AROUND,
    AROUND_EACH,
    CLEAN,
    DUMP,
    FOCUS,
    HEAD_SIZE,
    HEADS,
    LAYERS,
    PICTURE,
    TIME,
    WIDTH,
    WORDS,
)
from ltxv.tiny.places import find_places
from ltxv.tiny.words import MEANINGS, TEXT_CHANNELS

_NEIGHBOURS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


def new_transformer() -> LTXVideoTransformer3DModel:
    """Return the transformer before its training."""
    model = LTXVideoTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_SIZE,
        cross_attention_dim=WIDTH,
        num_layers=LAYERS,
        caption_channels=TEXT_CHANNELS,
    )
    with torch.no_grad():
        _open_and_close(model)
        _tell_clean_tokens(model)
        _hand_words_on(model.caption_projection)
        first, second = model.transformer_blocks
        for block in (first, second):
            block.scale_shift_table.zero_()
            block.scale_shift_table[[2, 5]] = 1.0  # the gates of attention and feed-forward
            block.ff.net[2].weight.mul_(0.05)
            _read_words(block.attn2)
        _look_around(first.attn1, {3 + i: (0, 0) for i in range(4)} | _by_head(7, _NEIGHBOURS[:4]))
        _look_around(second.attn1, _by_head(3, _NEIGHBOURS))
        _gather(first.attn1)
        second.attn2.to_out[0].weight.mul_(0.1)
        second.attn1.to_out[0].weight.mul_(0.1)
        find_places(second.attn1)
    return model


def _by_head(first: int, offsets: Any) -> dict[int, tuple[int, int]]:
    return {first + index: offset for index, offset in enumerate(offsets)}


def _open_and_close(model: Any) -> None:
    """Give out the noisy latent less the gathered picture: the velocity at full noise."""
    one = torch.eye(LATENT_CHANNELS)
    model.proj_in.weight.zero_()
    model.proj_in.weight[:PICTURE] = one
    model.proj_in.bias.zero_()
    model.proj_out.weight.zero_()
    model.proj_out.weight[:, :PICTURE] = 0.8 * one
    model.proj_out.weight[:, PICTURE:AROUND] = -0.8 * one
    model.proj_out.bias.zero_()
    model.scale_shift_table.zero_()


def _tell_clean_tokens(model: Any) -> None:
    """Let the timestep set one channel: 1 for clean tokens, -1 for noisy ones."""
    times = torch.cat([torch.zeros(64), torch.linspace(0, 1000, 512)])
    wanted = 1 - 2 * (times / 500).clamp(max=1.0)
    embedder = model.time_embed.emb
    features = embedder.timestep_embedder(embedder.time_proj(times))
    seen = torch.nn.functional.silu(features).double()
    seen = torch.cat([seen, torch.ones(len(seen), 1)], dim=1)
    ridge = 1e-4 * torch.eye(seen.shape[1])
    solved = torch.linalg.solve(seen.T @ seen + ridge, seen.T @ wanted.double()).float()
    linear = model.time_embed.linear
    linear.weight.mul_(0.05)
    linear.bias.zero_()
    linear.weight[CLEAN] = solved[:-1]
    linear.bias[CLEAN] = solved[-1]


def _hand_words_on(projection: Any) -> None:
    """Make the caption projection linear, so that every meaning keeps its channel."""
    projection.linear_1.weight.mul_(0.1)
    projection.linear_1.weight[:TEXT_CHANNELS] = 0.25 * torch.eye(TEXT_CHANNELS)
    projection.linear_1.bias.fill_(4.0)
    projection.linear_2.weight.mul_(0.1)
    projection.linear_2.weight[:TEXT_CHANNELS].zero_()
    projection.linear_2.weight[:TEXT_CHANNELS, :TEXT_CHANNELS] = torch.eye(TEXT_CHANNELS)
    projection.linear_2.bias.copy_(-projection.linear_2.weight.sum(dim=1) * 4.0)


def _read_words(attention: Any) -> None:
    """Attend to known words alone, and bring their meanings into the channels kept for them."""
    attention.to_q.weight.mul_(0.1)
    attention.to_q.bias.fill_(1.0)
    attention.to_k.weight.mul_(0.1)
    attention.to_k.weight[:, TEXT_CHANNELS - 1] = 1.0
    attention.to_k.bias.zero_()
    attention.norm_q.weight.fill_(0.7)
    attention.to_v.weight.mul_(0.3)
    attention.to_v.bias.zero_()
    attention.to_v.weight[:TEXT_CHANNELS].zero_()
    attention.to_v.weight[:TEXT_CHANNELS, :TEXT_CHANNELS] = torch.eye(TEXT_CHANNELS)
    attention.to_out[0].weight.mul_(0.02)
    attention.to_out[0].bias.zero_()
    meanings = len(MEANINGS)
    attention.to_out[0].weight[WORDS : WORDS + meanings].zero_()
    attention.to_out[0].weight[WORDS : WORDS + meanings, :meanings] = 4.0 * torch.eye(meanings)


def _look_around(attention: Any, offsets: dict[int, tuple[int, int]]) -> None:
    """Turn queries so that each head looks at the place ``offset`` (y, x) away, in clean frames.

    Queries and keys are constants; rotary positions alone make them differ. Noisy tokens put
    most of their key where no query looks, which the norm takes from the rest of it. The first
    three heads turn slowly and tell how far the clean frames are in time.
    """
    attention.to_q.weight.mul_(0.1)
    attention.to_k.weight.mul_(0.02)
    for norm in (attention.norm_q, attention.norm_k):
        norm.weight.fill_(FOCUS)
    query, key = attention.to_q.bias, attention.to_k.bias
    query.zero_()
    key.zero_()
    for pair in range(WIDTH // 2):
        head, axis = pair * 2 // HEAD_SIZE, pair % 3
        if head in offsets and axis:
            angle = _turn(pair // 3) * offsets[head][axis - 1]
            query[2 * pair], query[2 * pair + 1] = math.cos(angle), math.sin(angle)
            key[2 * pair] = 1.0
        elif head in {1, 2} and not axis:
            query[2 * pair] = key[2 * pair] = 1.0
    attention.to_k.weight[0].zero_()
    attention.to_k.weight[0, CLEAN] = -DUMP / 2
    key[0] = DUMP / 2


def _turn(frequency: int) -> float:
    """Return by what angle a rotary frequency turns from one place to the next."""
    steps = WIDTH // 6 - 1
    turns: float = 10000.0 ** (frequency / steps)
    return turns * math.pi * SPATIAL / 2048


def _gather(attention: Any) -> None:
    """Bring the same place's latent, the four neighbours' first channels and the time."""
    values, out = attention.to_v, attention.to_out[0]
    values.weight.mul_(0.1)
    values.bias.zero_()
    out.weight.mul_(0.02)
    out.bias.zero_()
    size = 1 / math.sqrt(WIDTH / LATENT_CHANNELS)  # what the norm made of a latent of deviation 1
    rows = torch.arange(LATENT_CHANNELS)
    values.weight[3 * HEAD_SIZE + rows] = 0.0
    values.weight[3 * HEAD_SIZE + rows, rows] = size
    out.weight[PICTURE:AROUND] = 0.0
    out.weight[PICTURE + rows, 3 * HEAD_SIZE + rows] = 1.0
    for index in range(4):
        source = (7 + index) * HEAD_SIZE + torch.arange(AROUND_EACH)
        target = AROUND + index * AROUND_EACH + torch.arange(AROUND_EACH)
        values.weight[source] = 0.0
        values.weight[source, torch.arange(AROUND_EACH)] = size
        out.weight[target] = 0.0
        out.weight[target, source] = 1.0
    for head in (1, 2):
        values.weight[head * HEAD_SIZE, :] = 0.0
        values.weight[head * HEAD_SIZE, CLEAN] = 1.0
        out.weight[TIME + head, head * HEAD_SIZE] = 1.0


def importance() -> Tensor:
    """Return a weight for each latent channel: the first are what the eye sees most of."""
    falling = 1.0 / (8.0 + torch.arange(LATENT_CHANNELS))
    return falling / falling.mean()
