"""The engine in this process: weights loaded once, one stage at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ltxv.checkpoints import Checkpoint
from ltxv.device import DType, default_dtype, resolve_device
from ltxv.engine import (
    DecodeWork,
    FirstPassWork,
    Frames,
    ModelIdentity,
    OnFrames,
    OnStep,
    PassWork,
    PromptWork,
    SecondPassWork,
)
from ltxv.engine_options import EngineOptions
from ltxv.engine_time import tell_engine_time
from ltxv.errors import EngineFault, Misconfigured
from ltxv.media.frames import read_frames
from ltxv.model import passes
from ltxv.model.decode import decode_latents, finished
from ltxv.model.denoise import Prompt
from ltxv.model.models import Models, check_device
from ltxv.model.noise import NoiseSource
from ltxv.model.payload import packed, unpacked
from ltxv.model.placements import check_placements
from ltxv.model.text import encode_text

_NO_OPTIONS = EngineOptions()


class LocalEngine:
    """Serves the ``Engine`` protocol in this process.

    Weights are loaded when a stage first needs them and kept. Any thread may call; stages wait
    for each other.

    Args:
        checkpoint: What ``find_checkpoint`` returned.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: The weights' type; bfloat16 on a GPU and float32 on a CPU where it is not given.
        options: Offload, attention, compilation and the like.

    Raises:
        Misconfigured: the device is not there, or an option does not fit it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "auto",
        dtype: DType | None = None,
        options: EngineOptions = _NO_OPTIONS,
    ) -> None:
        self._device = resolve_device(device)
        self._dtype: DType = dtype or default_dtype(self._device)
        check_device(self._device, options)
        self._identity = checkpoint.identity(
            dtype=self._dtype, device=self._device, options=options
        )
        self._models = Models(
            checkpoint,
            device=self._device,
            dtype=getattr(torch, self._dtype),
            options=options,
        )
        self._lock = threading.Lock()
        self._threads = self._identity.threads or options.threads

    @property
    def identity(self) -> ModelIdentity:
        """The model this engine serves; works planned for another are refused."""
        return self._identity

    def load(self) -> None:
        """Load every model now rather than when a stage first needs it."""
        with self._stage(self._identity):
            for component in ("text_encoder", "transformer", "latent_upsampler", "vae"):
                with self._models.use(component):
                    continue

    def encode_prompt(self, work: PromptWork) -> bytes:
        """Return safetensors: ``embeds`` (1, tokens, channels) and ``mask`` (1, tokens)."""
        with self._stage(work.model), self._models.use("text_encoder") as text_encoder:
            prompt = encode_text(
                self._models.tokenizer, text_encoder, work.text, max_tokens=work.max_tokens
            )
            return packed({"embeds": prompt.embeds, "mask": prompt.mask})

    def first_pass(
        self,
        work: FirstPassWork,
        *,
        prompt: bytes,
        items: Sequence[Path],
        on_step: OnStep,
        loras: Sequence[Path] = (),
    ) -> bytes:
        """Return safetensors: ``latents`` (1, C, T, H/32, W/32), normalised, and ``generator``."""
        with self._stage(work.model):
            noise = NoiseSource.seeded(work.seed)
            latents = passes.first_pass(
                self._models,
                work,
                prompt=self._prompt(prompt),
                items=_read(work, items),
                noise=noise,
                on_step=self._settled(on_step),
                loras=loras,
            )
            return _packed_latents(latents, noise)

    def second_pass(
        self,
        work: SecondPassWork,
        *,
        latents: bytes,
        prompt: bytes,
        items: Sequence[Path],
        on_step: OnStep,
        loras: Sequence[Path] = (),
    ) -> bytes:
        """Upsample x2, AdaIN to the first pass, refine; return the same form as ``first_pass``."""
        with self._stage(work.model):
            start, noise = self._latents(latents)
            refined = passes.second_pass(
                self._models,
                work,
                start,
                prompt=self._prompt(prompt),
                items=_read(work, items),
                noise=noise,
                on_step=self._settled(on_step),
                loras=loras,
            )
            return _packed_latents(refined, noise)

    def decode(
        self, work: DecodeWork, *, latents: bytes, on_step: OnStep, on_frames: OnFrames
    ) -> None:
        """Hand out the finished frames; the one step is the VAE's, which makes all at once."""
        with self._stage(work.model):
            start, noise = self._latents(latents)
            statistics = self._models.statistics
            with self._models.use("vae") as vae:
                pixels = decode_latents(vae, start, work, statistics=statistics, noise=noise)
            self._settled(on_step)(1, 1)
            for frames in finished(pixels, work):
                on_frames(frames.cpu().numpy())

    def describe(self) -> dict[str, Any]:
        """Return what runs where; it neither loads anything nor waits for a running stage."""
        cuda = self._device != "cpu"
        return {
            **self._identity.model_dump(),
            "device": self._device,
            "device_name": torch.cuda.get_device_name(self._device) if cuda else "cpu",
            "loaded": self._models.loaded,
            "memory": torch.cuda.memory_allocated(self._device) if cuda else None,
            "threads": self._threads or torch.get_num_threads(),
            "torch": torch.__version__,
            "options": self._models.options.model_dump(),
        }

    @contextmanager
    def _stage(self, planned_for: ModelIdentity) -> Iterator[None]:
        if planned_for != self._identity:
            raise Misconfigured(
                f"this engine serves {_shown(self._identity)} and the work was planned for "
                f"{_shown(planned_for)}; plan again with this engine's model or start another"
            )
        with self._lock, torch.inference_mode(), _faults_named(self._device):
            if self._threads is not None:  # each time: it holds for all engines of a process
                torch.set_num_threads(self._threads)
            began = time.monotonic()
            try:
                yield
            finally:
                tell_engine_time(time.monotonic() - began)

    def _settled(self, on_step: OnStep) -> OnStep:
        """Report a step once the GPU has done it, not once it is queued: cancelling would lag."""
        if self._device == "cpu":
            return on_step

        def report(done: int, of: int) -> None:
            torch.cuda.synchronize(self._device)
            on_step(done, of)

        return report

    def _prompt(self, payload: bytes) -> Prompt:
        embeds, mask = unpacked(payload, ("embeds", "mask"), what="prompt embeddings")
        return Prompt(embeds.to(self._device), mask.to(self._device))

    def _latents(self, payload: bytes) -> tuple[Tensor, NoiseSource]:
        latents, state = unpacked(payload, ("latents", "generator"), what="latents")
        return latents.to(self._device), NoiseSource.resumed(state)


def _read(work: PassWork, items: Sequence[Path]) -> list[Frames]:
    frames = [read_frames(item) for item in items]
    check_placements(work, frames)
    return frames


def _packed_latents(latents: Tensor, noise: NoiseSource) -> bytes:
    if not latents.isfinite().all():
        raise Misconfigured(
            "the pass ended in latents that are not finite; the weights are damaged or do not "
            "bear this dtype or option"
        )
    return packed({"latents": latents, "generator": noise.state})


def _shown(identity: ModelIdentity) -> str:
    return f"{identity.checkpoint}@{identity.revision[:12]} ({identity.dtype} on {identity.device})"


@contextmanager
def _faults_named(device: str) -> Iterator[None]:
    """Turn what PyTorch raises into advice."""
    try:
        yield
    except (RuntimeError, MemoryError) as fault:
        reason = str(fault).strip().split("\n", 1)[0]
        if isinstance(fault, MemoryError | torch.OutOfMemoryError) or "allocate" in reason:
            raise EngineFault(
                f"{device} ran out of memory: {reason}; make the clip smaller or shorter, or set "
                "the engine's offload to model or group"
            ) from fault
        raise EngineFault(
            f"the model failed on {device}: {reason}; check the engine's options and driver"
        ) from fault
