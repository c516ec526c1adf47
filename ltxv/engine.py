"""What a GPU is asked to do: the ``Engine`` protocol and the values it works from.

Tensors cross this border as safetensors bytes and pictures as uint8 arrays, so that a caller
needs no torch and an engine may live in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ltxv.frozen import Frozen

Frames = npt.NDArray[np.uint8]
"""A clip in memory: (frames, height, width, 3), RGB, 0 to 255."""

OnStep = Callable[[int, int], None]
"""Called after each step with (steps done, steps in all); raise ``Cancelled`` in it to stop."""

OnFrames = Callable[[Frames], None]
"""Called with the next frames of a clip, some at a time; raise ``Cancelled`` in it to stop."""


class ModelIdentity(Frozen):
    """Everything about the model that changes its output."""

    checkpoint: str = Field(description="Name, Hub id, folder or file of the weights.")
    revision: str = Field(description="Commit of the Hub or digest of the local files.")
    dtype: Literal["float32", "bfloat16"]
    device: Literal["cpu", "cuda"] = Field(description="Device class the passes run on.")
    threads: int | None = Field(
        default=None,
        description="CPU threads, whose number changes the last digits of sums and so the pixels; "
        "None on a GPU, where it does not.",
    )
    levers: tuple[str, ...] = Field(
        default=(), description="Speed levers that change the last digits as well, such as fp8."
    )


class Placement(Frozen):
    """Where one conditioning item acts in the clip."""

    kind: Literal["image", "video"]
    start_frame: int = Field(ge=0, description="First output frame the item stands for.")
    frames: int = Field(ge=1, description="Frames of the item; 8k+1 for a clip, 1 for an image.")
    strength: float = Field(ge=0, le=1, description="1 keeps the item, 0 ignores it.")


class PromptWork(Frozen):
    """One prompt to be encoded."""

    model: ModelIdentity
    text: str
    max_tokens: int = 256


class LoRA(Frozen):
    """One LoRA on the transformer."""

    sha256: str = Field(description="Digest of the file.")
    scale: float = Field(description="Multiplier of its weights.")
    position: int = Field(description="Its place in the request's list, for errors.")


class PassWork(Frozen):
    """What both denoising passes need; sizes in pixels, all multiples of 32."""

    model: ModelIdentity
    width: int
    height: int
    frames: int = Field(description="Padded frame count, 8k+1.")
    frame_rate: float
    sigmas: tuple[float, ...] = Field(description="Falling, in (0, 1]; one forward each.")
    padding: tuple[int, int, int, int] = Field(
        description="(left, right, top, bottom) that pads the requested size to multiples of 32."
    )
    placements: tuple[Placement, ...] = ()
    image_cond_noise_scale: float = 0.15
    loras: tuple[LoRA, ...] = ()


class FirstPassWork(PassWork):
    """The low-resolution pass, from noise."""

    seed: int


class SecondPassWork(PassWork):
    """The pass at twice the first one's size, from its upsampled latents."""

    adain_factor: float = 1.0


class DecodeWork(Frozen):
    """Latents to frames: decode noise, tone map, VAE, resize to the padded size, crop."""

    model: ModelIdentity
    width: int = Field(description="Width of the finished clip in pixels.")
    height: int = Field(description="Height of the finished clip in pixels.")
    frames: int = Field(description="Frames of the finished clip.")
    padding: tuple[int, int, int, int] = Field(description="(left, right, top, bottom), cropped.")
    decode_timestep: float = 0.05
    decode_noise_scale: float = 0.025
    tone_map_compression_ratio: float = 0.0


class Engine(Protocol):
    """A model that is loaded once and serves one stage at a time.

    Every method raises ``Misconfigured`` when the weights cannot be loaded or memory runs out,
    and ``Cancelled`` when ``on_step`` raises it.
    """

    def encode_prompt(self, work: PromptWork) -> bytes:
        """Return safetensors: ``embeds`` (1, tokens, channels) and ``mask`` (1, tokens)."""

    def first_pass(
        self,
        work: FirstPassWork,
        *,
        prompt: bytes,
        items: Sequence[Path],
        on_step: OnStep,
        loras: Sequence[Path] = (),
    ) -> bytes:
        """Return safetensors: ``latents`` (1, C, T, H/32, W/32), normalised, and ``generator``.

        ``items`` are the prepared conditioning files, in the order of ``work.placements``, and
        ``loras`` the files of ``work.loras``. Raises ``Refused`` for a LoRA that does not fit.
        """

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

    def decode(
        self, work: DecodeWork, *, latents: bytes, on_step: OnStep, on_frames: OnFrames
    ) -> None:
        """Hand out the frames, in order, resized, cropped and cast on the model's device."""

    def describe(self) -> dict[str, Any]:
        """Return what runs where: checkpoint, device, dtype, memory, options."""
