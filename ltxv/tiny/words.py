"""The tiny checkpoint's text: a T5 that knows the words of camera moves and looks by heart.

Known words are pieces of their own, and words that mean the same share a vector; all other text
falls apart into letters, which the transformer is built to overlook.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

TEXT_CHANNELS = 32

MEANINGS = (
    ("pan", "pans", "panning", "move", "moves", "moving"),
    ("left", "leftwards"),
    ("right", "rightwards"),
    ("up", "upwards"),
    ("down", "downwards"),
    ("zoom", "zooms", "zooming"),
    ("in", "closer"),
    ("out", "away"),
    ("hold", "holds", "still", "static"),
    ("brighter", "bright"),
    ("darker", "dark"),
    ("warmer", "warm"),
    ("colder", "cold", "cooler"),
    ("black", "white", "monochrome"),
)
"""Words that share a meaning, and so a vector."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()-"
_KNOWN = TEXT_CHANNELS - 1
"""The channel that tells known words (positive) from letters (negative)."""


def tokenizer() -> Any:
    """Return a tokenizer that needs no file: whole known words, and letters for the rest."""
    return T5TokenizerFast(vocab=_vocabulary(), extra_ids=0)


def text_encoder() -> T5EncoderModel:
    """Return a T5 encoder of two layers that hand every piece's own vector on."""
    config = T5Config(
        d_model=TEXT_CHANNELS,
        d_ff=64,
        d_kv=8,
        num_heads=4,
        num_layers=2,
        vocab_size=len(_vocabulary()),
        feed_forward_proj="gated-gelu",
    )
    model = T5EncoderModel(config).eval()
    with torch.no_grad():
        for block in model.encoder.block:
            block.layer[0].SelfAttention.o.weight.zero_()
            block.layer[1].DenseReluDense.wo.weight.zero_()
        model.shared.weight.copy_(_vectors())
    return model


def _vectors() -> torch.Tensor:
    """Return a vector for each piece: a channel for each meaning, the others for letters."""
    meaning = {
        spelling: channel for channel, words in enumerate(MEANINGS) for spelling in _spelled(words)
    }
    vectors = torch.zeros(len(_vocabulary()), TEXT_CHANNELS)
    for row, (piece, _) in enumerate(_vocabulary()):
        if piece in meaning:
            vectors[row, meaning[piece]] = vectors[row, _KNOWN] = 1.0
        else:
            vectors[row, len(MEANINGS) : _KNOWN] = 0.2 * torch.randn(_KNOWN - len(MEANINGS))
            vectors[row, _KNOWN] = -1.0
    return vectors


def _vocabulary() -> list[tuple[str, float]]:
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters = [(letter, -3.0) for letter in _LETTERS]
    return special + letters + [(piece, -1.0) for words in MEANINGS for piece in _spelled(words)]


def _spelled(words: tuple[str, ...]) -> list[str]:
    """Return the pieces of words: after a space or at the beginning, also with a capital."""
    return [f"▁{form}" for word in words for form in (word, word.capitalize())]
