"""The request: every field of the hosted endpoint's schema, its defaults and its ranges.

Names and defaults are those of the endpoint's first schema; the later generations' names are
understood too. Ranges are the endpoint's where it states them; the number of frames ends where the
model's own description does (it "works best below 257 frames").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from ltxv.conditioning_items import ImageConditioning, LoRAWeight, VideoConditioning
from ltxv.errors import Loc, Refused
from ltxv.geometry import TEMPORAL
from ltxv.plain_text import one_line
from ltxv.schema import EndpointObject, choices, refusal, violation

NEGATIVE_PROMPT = "worst quality, inconsistent motion, blurry, jittery, distorted"
MAX_SEED = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly."""
MAX_PROMPT = 10_000
MAX_ITEMS = 16

_HEADLINE = 60

_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e]")
"""Control characters, and those that make a text be read backwards."""


def _plain_text(text: str) -> str:
    """Refuse what no file's tags, log line or page could show."""
    found = _NOT_TEXT.search(text)
    if found:
        raise PydanticCustomError(
            "string_pattern_mismatch",
            "has a control character, {character}, at {position}; remove it",
            {"character": ascii(found[0]), "position": found.start()},
        )
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("string_too_short", "is blank; write what the video shows")
    return text


Text = Annotated[str, AfterValidator(_plain_text)]
Resolution = Literal["480p", "720p"]
AspectRatio = Literal["9:16", "1:1", "16:9", "auto"]


class MediaSource(NamedTuple):
    """Where a conditioning item comes from, what it should be, and the field that says so."""

    url: str
    kind: Literal["image", "video"]
    loc: Loc


class LoRASource(NamedTuple):
    """Where a LoRA comes from, how much of it is wanted, and the field that says so."""

    path: str
    weight_name: str | None
    scale: float
    loc: Loc

    def where(self) -> dict[str, Any]:
        """Return what decides which file it is, and the field for errors."""
        return {"path": self.path, "weight_name": self.weight_name, "loc": self.loc}


class VideoRequest(EndpointObject):
    """Generate a video from a prompt and any number of images and videos."""

    later_names: ClassVar[Mapping[str, str]] = {
        "num_frames": "number_of_frames",
        "first_pass_num_inference_steps": "first_pass_number_of_steps",
        "second_pass_num_inference_steps": "second_pass_number_of_steps",
    }

    prompt: Annotated[Text, AfterValidator(_not_blank)] = Field(
        min_length=1, max_length=MAX_PROMPT, description="What the video shows, and how it moves."
    )
    expand_prompt: bool = Field(
        default=False,
        description="Whether a language model writes a short prompt out, where the operator set "
        "one up.",
    )
    images: tuple[ImageConditioning, ...] = Field(
        default=(),
        max_length=MAX_ITEMS,
        description="Pictures that the video shows, at a frame each.",
    )
    videos: tuple[VideoConditioning, ...] = Field(
        default=(),
        max_length=MAX_ITEMS,
        description="Clips that the video contains, continues or leads to.",
    )
    constant_rate_factor: int = Field(
        default=35,
        ge=0,
        le=51,
        title="Constant rate factor of images and videos",
        description="They are compressed as the model's training data were: more gives more "
        "motion, 0 leaves them as they are.",
    )
    resolution: Resolution = Field(
        default="720p", description="Size of the video: 1280x720 or 854x480 at 16:9."
    )
    aspect_ratio: AspectRatio = Field(
        default="auto",
        description="Shape of the video; auto is the first image's or clip's, or else 16:9.",
    )
    number_of_frames: int = Field(
        default=121,
        ge=9,
        le=257,
        title="Number of frames",
        description="Length of the video; 121 frames at 30 a second are four seconds.",
    )
    frame_rate: int = Field(
        default=30,
        ge=1,
        le=60,
        description="Frames a second of the video. The model sees it: it changes the motion.",
    )
    reverse_video: bool = Field(
        default=False, description="Whether the finished video plays backwards."
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=MAX_SEED,
        description="The same request with the same seed makes the same video.",
        json_schema_extra=choices("A number", "Drawn for each run"),
    )
    first_pass_number_of_steps: int = Field(
        default=8,
        ge=2,
        le=20,
        title="First pass: steps",
        description="The first pass decides, at a lower resolution, what moves and how.",
    )
    first_pass_skip_final_steps: int = Field(
        default=1,
        ge=0,
        le=19,
        title="First pass: final steps left out",
        description="It settles the large changes and leaves details to the second pass. Less "
        "than its number of steps.",
    )
    second_pass_number_of_steps: int = Field(
        default=8,
        ge=2,
        le=20,
        title="Second pass: steps",
        description="The second pass adds detail at twice the first one's width and height.",
    )
    second_pass_skip_initial_steps: int = Field(
        default=5,
        ge=1,
        le=19,
        title="Second pass: initial steps left out",
        description="The more are left out, the closer it keeps to the first pass. Less than its "
        "number of steps.",
    )
    loras: tuple[LoRAWeight, ...] = Field(
        default=(),
        max_length=MAX_ITEMS,
        title="LoRAs",
        description="Weights that teach the model more.",
    )
    tone_map_compression_ratio: float = Field(
        default=0.0, ge=0, le=1, description="How far bright latents are compressed before decode."
    )
    negative_prompt: Text = Field(
        default=NEGATIVE_PROMPT,
        max_length=MAX_PROMPT,
        description="What to avoid. Distilled checkpoints run without guidance and ignore it.",
    )
    enable_safety_checker: bool = Field(
        default=True,
        title="Safety checker",
        description="Whether every frame is checked; off works where the operator allows it.",
    )
    enable_detail_pass: bool = Field(
        default=False,
        description="The later endpoint's detail pass; not supported so far, leave it off.",
    )
    temporal_adain_factor: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="The later endpoint's factor; not supported so far, leave it as it is.",
        json_schema_extra=choices("A number", "Left out"),
    )

    @property
    def headline(self) -> str:
        """The prompt as the name of a run: one short line."""
        return one_line(self.prompt, most=_HEADLINE)

    @property
    def media(self) -> tuple[MediaSource, ...]:
        """Every conditioning item's medium, the images first."""
        images = (
            MediaSource(image.image_url, "image", ("images", index, "image_url"))
            for index, image in enumerate(self.images)
        )
        videos = (
            MediaSource(video.video_url, "video", ("videos", index, "video_url"))
            for index, video in enumerate(self.videos)
        )
        return (*images, *videos)

    @property
    def lora_sources(self) -> tuple[LoRASource, ...]:
        """Every LoRA that changes anything: those of scale 0 are as good as not sent."""
        return tuple(
            LoRASource(lora.path, lora.weight_name, lora.scale, ("loras", index, "path"))
            for index, lora in enumerate(self.loras)
            if lora.scale
        )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wrong = [*self._skips_that_leave_nothing(), *self._starts_past_the_end()]
        if wrong:
            raise ValidationError.from_exception_data(type(self).__name__, wrong)
        return self

    def _skips_that_leave_nothing(self) -> list[InitErrorDetails]:
        pairs = (
            ("first_pass_skip_final_steps", "first_pass_number_of_steps"),
            ("second_pass_skip_initial_steps", "second_pass_number_of_steps"),
        )
        return [
            violation(
                (skip,),
                PydanticCustomError(
                    "less_than",
                    "must be less than {field}, which is {lt}, or no step is left",
                    {"field": steps, "lt": getattr(self, steps)},
                ),
                value=getattr(self, skip),
            )
            for skip, steps in pairs
            if getattr(self, skip) >= getattr(self, steps)
        ]

    def _starts_past_the_end(self) -> list[InitErrorDetails]:
        """Find items that cannot act inside the clip.

        A clip at a later frame needs two latent frames, 9 frames of the video (the reference's
        own rule); longer ones are cut to fit.
        """
        wrong: list[InitErrorDetails] = []
        for name, index, item in self._items():
            needed = 9 if name == "videos" and item.start_frame_num else 1
            last = self.number_of_frames - needed
            if item.start_frame_num > last:
                said = PydanticCustomError(
                    "less_than_equal",
                    "must be at most {le}: {needed} frame(s) of the item have to fit into "
                    "number_of_frames, which is {frames}",
                    {
                        "le": last // TEMPORAL * TEMPORAL,
                        "needed": needed,
                        "frames": self.number_of_frames,
                    },
                )
                loc = (name, index, "start_frame_num")
                wrong.append(violation(loc, said, value=item.start_frame_num))
        return wrong

    def _items(self) -> list[tuple[str, int, ImageConditioning | VideoConditioning]]:
        images = [("images", index, item) for index, item in enumerate(self.images)]
        return [*images, *(("videos", index, item) for index, item in enumerate(self.videos))]


def parse_request(data: Any) -> VideoRequest:
    """Return the request that ``data``, a JSON object, describes.

    Raises:
        Refused: One violation for each thing that is wrong with it.
    """
    if not isinstance(data, Mapping):
        raise Refused.because(
            (), "the request must be a JSON object", type="model_type", input=str(data)
        )
    try:
        return VideoRequest.model_validate(data)
    except ValidationError as error:
        raise refusal(error) from None
