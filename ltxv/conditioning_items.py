"""What a request may hand over besides its prompt: images, clips and LoRAs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ltxv.geometry import TEMPORAL
from ltxv.schema import EndpointObject, choices


def _multiple_of_8(value: int) -> int:
    if value % TEMPORAL:
        near = round(value / TEMPORAL) * TEMPORAL
        raise PydanticCustomError(
            "multiple_of",
            "must be a multiple of {multiple_of}; {near} is the nearest",
            {"multiple_of": TEMPORAL, "near": near},
        )
    return value


StartFrame = Annotated[
    int,
    Field(
        ge=0,
        le=1440,
        title="Start frame",
        description="Frame of the video, from 0, at which this one acts. A multiple of 8.",
        json_schema_extra={"multipleOf": TEMPORAL},
    ),
    AfterValidator(_multiple_of_8),
]
Strength = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="How closely the video keeps to this one: 1 keeps it, 0 ignores it. From "
        "about 0.6 upwards nothing of it is denoised, so use 1 or less than that.",
    ),
]
MediaURL = Annotated[str, Field(min_length=1)]


class ImageConditioning(EndpointObject):
    """A picture that the clip shows at one frame."""

    image_url: MediaURL = Field(
        title="Image URL", description="http(s) URL, data URI or store URL of the picture."
    )
    start_frame_num: StartFrame = 0
    strength: Strength = 1.0


class VideoConditioning(EndpointObject):
    """A clip that the new one contains, continues or leads to."""

    video_url: MediaURL = Field(
        title="Video URL", description="http(s) URL, data URI or store URL of the clip."
    )
    conditioning_type: Literal["rgb", "depth", "pose", "canny"] = Field(
        default="rgb", description="What the clip shows. Only rgb is supported."
    )
    preprocess: bool = Field(
        default=False,
        description="Whether to derive depth, pose or canny from the clip; no effect for rgb.",
    )
    start_frame_num: StartFrame = 0
    strength: Strength = 1.0
    limit_num_frames: bool = Field(
        default=False,
        title="Cut it",
        description="Whether only the first frames are used, as many as the next field says.",
    )
    max_num_frames: int = Field(
        default=1441,
        ge=1,
        le=1441,
        title="Frames that are left",
        description="How many frames are used of a clip that is cut.",
    )
    resample_fps: bool = Field(
        default=False,
        title="Change its frame rate",
        description="Whether the clip is brought to the frame rate that the next field says.",
    )
    target_fps: int = Field(
        default=24,
        ge=1,
        le=60,
        title="Its new frame rate",
        description="Frames a second of a clip whose frame rate is changed.",
    )
    reverse_video: bool = Field(default=False, description="Whether the clip plays backwards.")


class LoRAWeight(EndpointObject):
    """A LoRA to add to the model's weights."""

    path: str = Field(
        min_length=1,
        description="http(s) URL or store URL of a safetensors file, or a Hub repository "
        "`owner/name`.",
    )
    weight_name: str | None = Field(
        default=None,
        description="File name, if the path is a repository with several.",
        json_schema_extra=choices("A name", "Left out"),
    )
    scale: float = Field(default=1.0, ge=0, le=4, description="Multiplier of the LoRA's weights.")
