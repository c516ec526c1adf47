"""What a finished request gives back: the endpoint's result, and what each stage did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ltxv.frozen import Frozen

StageName = Literal[
    "fetch_media",
    "compress_media",
    "expand_prompt",
    "screen_prompt",
    "encode_prompt",
    "first_pass",
    "second_pass",
    "decode",
    "reverse",
    "screen_frames",
    "write_video",
    "upload",
]
"""The stages in their order; the names in results, logs, metrics and cache keys."""

_HOUR = 3600

StageState = Literal["ran", "cached", "skipped"]


class File(Frozen):
    """A file that the caller can open."""

    url: str = Field(description="Where the file can be downloaded from.")
    content_type: str = Field(description="MIME type of the file.")
    file_name: str = Field(description="Name of the file.")
    file_size: int = Field(description="Size of the file in bytes.")


class StageRecord(Frozen):
    """What one stage did in this run."""

    name: StageName
    state: StageState = Field(
        description="`ran`, `cached` (an earlier run's bytes were used) or `skipped` (not asked "
        "for, or nothing to do)."
    )
    seconds: float = Field(ge=0, description="Wall time of the stage in this run.")
    gpu_seconds: float = Field(
        default=0,
        ge=0,
        description="How long the engine worked for it in this run, without waiting for its turn.",
    )


class Usage(Frozen):
    """What a run used of its engine's device."""

    gpu_seconds: float = Field(ge=0, description="How long the engine worked for the run.")
    cost: float | None = Field(
        default=None,
        description="What that cost, in the operator's currency; null if the model has no price.",
    )

    @classmethod
    def of(cls, gpu_seconds: float, *, hour_price: float | None) -> Usage:
        """Return the usage of so many seconds at a price for an hour."""
        seconds = round(gpu_seconds, 3)
        cost = None if hour_price is None else round(seconds * hour_price / _HOUR, 6)
        return cls(gpu_seconds=seconds, cost=cost)


class VideoResult(Frozen):
    """The endpoint's answer to a request, with the stages that made it."""

    video: File
    prompt: str = Field(description="The prompt used for generation.")
    seed: int = Field(description="The seed used for generation.")
    stages: tuple[StageRecord, ...] = Field(default=(), description="Every stage, in order.")
    usage: Usage | None = Field(default=None, description="What the run used of a GPU.")
