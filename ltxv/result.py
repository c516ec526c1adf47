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


class VideoResult(Frozen):
    """The endpoint's answer to a request, with the stages that made it."""

    video: File
    prompt: str = Field(description="The prompt used for generation.")
    seed: int = Field(description="The seed used for generation.")
    stages: tuple[StageRecord, ...] = Field(default=(), description="Every stage, in order.")
