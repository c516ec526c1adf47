"""The tiny checkpoint, made from a seed in some minutes: the 13B's classes with small widths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

from ltxv.tiny.autoencoder import vae
from ltxv.tiny.denoiser import TEXT_CHANNELS, lesson, transformer
from ltxv.tiny.patterns import moving_leaves
from ltxv.tiny.upsampler import upsampler

SEED = 20250514

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"()-"
_CLASSES = {
    "transformer": ["diffusers", "LTXVideoTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLLTXVideo"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
}


@dataclass(frozen=True)
class Effort:
    """How much each part is made with: batches of clips, and steps of training."""

    vae: int = 6
    upsampler: int = 12
    lessons: int = 12
    steps: int = 1500
    frames: int = 17
    side: int = 128


def write_checkpoint(folder: Path, *, seed: int = SEED, effort: Effort | None = None) -> None:
    """Write every part of the checkpoint into ``folder``, in diffusers' layout and bfloat16."""
    effort = effort or Effort()
    torch.manual_seed(seed)
    autoencoder = vae(_clips(effort, effort.vae, speed=2.0))
    parts = {
        "text_encoder": _text_encoder(),
        "transformer": transformer(
            [lesson(autoencoder, _clips(effort, effort.lessons, speed=1.0))], steps=effort.steps
        ),
        "latent_upsampler": upsampler(
            autoencoder, _clips(effort, effort.upsampler, speed=3.0, larger=2)
        ),
        "vae": autoencoder,
    }
    for name, model in parts.items():
        model.to(torch.bfloat16).save_pretrained(folder / name)
    _tokenizer().save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    index = {"_class_name": "LTXConditionPipeline", **_CLASSES}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def _clips(effort: Effort, batches: int, *, speed: float, larger: int = 1) -> list[Tensor]:
    count, side = 8 // larger, effort.side * larger
    return [
        moving_leaves(count, frames=effort.frames, size=side, speed=speed) for _ in range(batches)
    ]


def _text_encoder() -> T5EncoderModel:
    """Return a T5 encoder of two layers, as random as it was born."""
    return T5EncoderModel(
        T5Config(
            d_model=TEXT_CHANNELS,
            d_ff=64,
            d_kv=8,
            num_heads=4,
            num_layers=2,
            vocab_size=len(_vocabulary()),
            feed_forward_proj="gated-gelu",
        )
    )


def _tokenizer() -> Any:
    """Return a tokenizer of single letters that needs no file from anywhere."""
    return T5TokenizerFast(vocab=_vocabulary(), extra_ids=0)


def _vocabulary() -> list[tuple[str, float]]:
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    return special + [(letter, -3.0) for letter in _LETTERS]
