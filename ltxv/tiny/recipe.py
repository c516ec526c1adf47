"""The tiny checkpoint, made from a seed in six steps; what is there is not made again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from torch import Tensor

from ltxv.tiny.autoencoder import vae
from ltxv.tiny.denoiser import new_transformer
from ltxv.tiny.gates import fit_gates
from ltxv.tiny.lessons import SHAPES, Lesson, Shape, load_lesson, make_lesson, save_lesson
from ltxv.tiny.patterns import moving_leaves
from ltxv.tiny.pictures import drawings, photographs
from ltxv.tiny.places import find_places
from ltxv.tiny.prompts import phrases
from ltxv.tiny.training import Course, train
from ltxv.tiny.upsampler import upsampler
from ltxv.tiny.words import text_encoder, tokenizer

SEED = 20250514

_REPORT_EVERY = 50

_CLASSES = {
    "transformer": ["diffusers", "LTXVideoTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLLTXVideo"],
    "text_encoder": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
}


@dataclass(frozen=True)
class Effort:
    """How much each part is made with: batches of clips, pictures, and steps of training."""

    vae: int = 6
    upsampler: int = 12
    frames: int = 17
    side: int = 128
    drawings: int = 24
    shapes: Sequence[Shape] = field(default=SHAPES)
    fitted: int = 140_000
    steps: int = 2000


def write_checkpoint(
    folder: Path, *, work: Path, seed: int = SEED, effort: Effort | None = None
) -> None:
    """Write every part of the checkpoint into ``folder``, in diffusers' layout and bfloat16.

    Args:
        folder: Where the checkpoint is written; parts that are there are kept.
        work: Where the lessons and the training's progress are kept until all is done.
        seed: Each step draws from a generator seeded by it and by the step.
        effort: How much to do; little in tests.
    """
    effort = effort or Effort()
    work.mkdir(parents=True, exist_ok=True)
    with _step(1, "VAE, by least squares", seed):
        _make(folder / "vae", lambda: vae(_clips(effort, effort.vae, speed=2.0)))
    autoencoder = AutoencoderKLLTXVideo.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    with _step(2, "latent upsampler, by ridge regression", seed):
        clips = _clips(effort, effort.upsampler, speed=3.0, larger=2)
        _make(folder / "latent_upsampler", lambda: upsampler(autoencoder, clips))
    with _step(3, "text encoder and tokenizer, by hand", seed):
        _make(folder / "text_encoder", text_encoder)
        tokenizer().save_pretrained(folder / "tokenizer")
    with _step(4, "lessons: pictures under camera moves, as latents", seed):
        given = _lessons(folder, work, effort)
    with _step(5, "transformer, by least squares and flow matching", seed):
        _make(
            folder / "transformer", lambda: _trained(given, work / "training.safetensors", effort)
        )
    with _step(6, "scheduler and index", seed):
        FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
        index = {"_class_name": "LTXConditionPipeline", **_CLASSES}
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def _make(folder: Path, build: Any) -> None:
    if not (folder / "config.json").exists():
        build().to(torch.bfloat16).save_pretrained(folder)


def _lessons(folder: Path, work: Path, effort: Effort) -> list[Lesson]:
    encoder = AutoencoderKLLTXVideo.from_pretrained(folder / "vae", torch_dtype=torch.bfloat16)
    raiser = LTXLatentUpsamplerModel.from_pretrained(
        folder / "latent_upsampler", torch_dtype=torch.float32
    )
    files = [work / f"lesson-{number}.safetensors" for number in range(len(effort.shapes))]
    pictures = [] if all(file.exists() for file in files) else _pictures(effort)
    for file, shape in zip(files, effort.shapes, strict=True):
        if not file.exists():
            save_lesson(file, make_lesson(encoder, raiser, pictures, shape))
            _say(f"  {shape.count} clips of {shape.frames} x {shape.width} x {shape.height}")
    return [load_lesson(file, shape) for file, shape in zip(files, effort.shapes, strict=True)]


def _pictures(effort: Effort) -> list[Tensor]:
    return 2 * photographs() + drawings(effort.drawings)


def _trained(given: Sequence[Lesson], progress: Path, effort: Effort) -> LTXVideoTransformer3DModel:
    model = new_transformer()
    spoken = phrases(tokenizer(), text_encoder())
    if not progress.exists():
        fit_gates(model, given, spoken, tokens=effort.fitted)
        _say("  gates fitted")
    began = time.monotonic()
    losses: list[float] = []

    def report(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % _REPORT_EVERY == 0:
            recent = sum(losses[-_REPORT_EVERY:]) / len(losses[-_REPORT_EVERY:])
            left = (time.monotonic() - began) / len(losses) * (effort.steps - step - 1) / 60
            _say(f"  step {step + 1} of {effort.steps}: loss {recent:.3f}, {left:.0f} min left")

    train(model, given, spoken, Course(effort.steps, progress, report))
    find_places(model.transformer_blocks[1].attn1)  # as they were: training moves what they write
    fit_gates(model, given, spoken, tokens=effort.fitted)
    return model.eval()


@contextmanager
def _step(number: int, what: str, seed: int) -> Iterator[None]:
    _say(f"{number} of 6: {what}")
    began = time.monotonic()
    torch.manual_seed(seed + number - 1)
    yield
    _say(f"  {time.monotonic() - began:.0f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # the recipe's progress display


def _clips(effort: Effort, batches: int, *, speed: float, larger: int = 1) -> list[Tensor]:
    count, side = 8 // larger, effort.side * larger
    return [
        moving_leaves(count, frames=effort.frames, size=side, speed=speed) for _ in range(batches)
    ]
