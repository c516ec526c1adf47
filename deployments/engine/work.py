"""What a job asks for, as JSON, and the call of the engine that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.engine.jobs import Job
from ltxv.engine import DecodeWork, Engine, FirstPassWork, PromptWork, SecondPassWork

_DIGEST = r"^[0-9a-f]{64}$"

Call = Callable[[Job], bytes | None]


class _Asked(BaseModel):
    """A job; inputs are named by their digests."""

    model_config = ConfigDict(extra="forbid")

    priority: int = Field(default=0, ge=-100, le=100, description="Lower ones go first.")
    flow_run: str | None = Field(
        default=None, pattern=r"^[0-9a-f-]{1,64}$", description="Whose job it is, for the log."
    )

    @property
    def digests(self) -> frozenset[str]:
        """Inputs that have to be there."""
        return frozenset()


class _PassInputs(_Asked):
    prompt: str = Field(pattern=_DIGEST)
    items: tuple[str, ...] = Field(default=(), max_length=64)
    loras: tuple[str, ...] = Field(default=(), max_length=64)

    @property
    def digests(self) -> frozenset[str]:
        """Inputs that have to be there."""
        return frozenset({self.prompt, *self.items, *self.loras})


class PromptJob(_Asked):
    """Encode a prompt."""

    stage: Literal["encode_prompt"]
    work: PromptWork

    def call(self, engine: Engine, files: Mapping[str, Path]) -> Call:  # noqa: ARG002
        """Return the call of the engine."""
        return lambda _: engine.encode_prompt(self.work)


class FirstPassJob(_PassInputs):
    """The pass that decides the motion."""

    stage: Literal["first_pass"]
    work: FirstPassWork

    def call(self, engine: Engine, files: Mapping[str, Path]) -> Call:
        """Return the call of the engine."""
        return lambda job: engine.first_pass(
            self.work,
            prompt=files[self.prompt].read_bytes(),
            items=[files[item] for item in self.items],
            loras=[files[lora] for lora in self.loras],
            on_step=job.on_step,
        )


class SecondPassJob(_PassInputs):
    """The pass that adds details."""

    stage: Literal["second_pass"]
    work: SecondPassWork
    latents: str = Field(pattern=_DIGEST)

    @property
    def digests(self) -> frozenset[str]:
        """Inputs that have to be there."""
        return super().digests | {self.latents}

    def call(self, engine: Engine, files: Mapping[str, Path]) -> Call:
        """Return the call of the engine."""
        return lambda job: engine.second_pass(
            self.work,
            latents=files[self.latents].read_bytes(),
            prompt=files[self.prompt].read_bytes(),
            items=[files[item] for item in self.items],
            loras=[files[lora] for lora in self.loras],
            on_step=job.on_step,
        )


class DecodeJob(_Asked):
    """Latents to frames."""

    stage: Literal["decode"]
    work: DecodeWork
    latents: str = Field(pattern=_DIGEST)

    @property
    def digests(self) -> frozenset[str]:
        """Inputs that have to be there."""
        return frozenset({self.latents})

    def call(self, engine: Engine, files: Mapping[str, Path]) -> Call:
        """Return the call of the engine."""
        return lambda job: engine.decode(
            self.work,
            latents=files[self.latents].read_bytes(),
            on_step=job.on_step,
            on_frames=job.on_frames,
        )


class JobRequest(BaseModel):
    """The body of ``POST /jobs``."""

    model_config = ConfigDict(extra="forbid")

    job: PromptJob | FirstPassJob | SecondPassJob | DecodeJob = Field(discriminator="stage")
