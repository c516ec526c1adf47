"""How a token of the tiny transformer learns where in the frame it lies, which zooming needs.

Rotary positions tell how far tokens are from each other, not where they are. Two heads look, with
slow frequencies, at what lies to the right and what lies below: the further, the more. Clean tokens
draw the look more than noisy ones do. The nearer a token is to the left, the more of a head's
attention therefore goes to clean tokens, and that share is written into a channel of its own.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ltxv.tiny.layout import CLEAN, DUMP, FOCUS, HEAD_SIZE, PLACES

_LOOKS = ((0, (2, 5)), (1, (16, 19)))
"""A head for each of ``PLACES`` and its rotary pairs: the slowest of the right axis."""
_STEEPNESS = 6.0
"""Of the score: from a token to one where the frequencies have turned by a right angle."""
_HANDICAP = 1.5
"""Of the noisy tokens, which are more: two latent frames or so against the clean one."""
_SIZE = 1.5
"""Of what is written; the other channels have a deviation of about 1."""


@torch.no_grad()
def find_places(attention: Any) -> None:
    """Let the first two heads of an attention write the token's place into ``PLACES``.

    Args:
        attention: Self-attention laid out by ``new_transformer``; its values may be trained.
    """
    query, key = attention.to_q, attention.to_k
    dump = key.bias[0].clone(), key.weight[0].clone()
    heads = slice(0, len(_LOOKS) * HEAD_SIZE)
    for part in (query, key, attention.to_v):
        part.weight[heads] = 0.0
        part.bias[heads] = 0.0
    attention.to_out[0].weight[:, heads] = 0.0
    # What the norms make of one: they see all heads, and in noisy tokens' keys the dump above all.
    times_query, times_key = (FOCUS / part.bias.square().mean().sqrt() for part in (query, key))
    root = math.sqrt(HEAD_SIZE)
    size = math.sqrt(_STEEPNESS * root / (2 * times_query * times_key))
    for channel, (head, pairs) in zip(PLACES, _LOOKS, strict=True):
        for pair in pairs:
            query.bias[2 * pair + 1] = size
            key.bias[2 * pair] = size
        attention.to_v.weight[head * HEAD_SIZE, CLEAN] = 1.0
        attention.to_out[0].weight[channel] = 0.0
        attention.to_out[0].bias[channel] = 0.0
        attention.to_out[0].weight[channel, head * HEAD_SIZE] = _SIZE
    key.bias[0], key.weight[0] = dump
    query.bias[0] = -_HANDICAP * root / (times_query * 2 * DUMP)
