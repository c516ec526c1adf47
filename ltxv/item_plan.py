"""Conditioning items with nothing left to decide."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from pydantic import Field

from ltxv import geometry
from ltxv.conditioning_items import VideoConditioning
from ltxv.engine import Placement
from ltxv.errors import Loc, Refused
from ltxv.frozen import Frozen
from ltxv.geometry import Size
from ltxv.media.compress_work import CompressWork
from ltxv.request import VideoRequest

_LEAST_LATER_CLIP = 9
"""Frames that a clip after frame 0 must have: two latent frames (the reference's own rule)."""


class Medium(Protocol):
    """What has to be known of a picture or clip to plan with it."""

    @property
    def width(self) -> int:
        """Displayed width in pixels."""

    @property
    def height(self) -> int:
        """Displayed height in pixels."""

    @property
    def frames(self) -> int:
        """Number of frames; 1 for a picture."""

    @property
    def frame_rate(self) -> float:
        """Frames per second; 0 for a picture."""

    @property
    def held(self) -> bool:
        """Whether the clip has to be brought to that rate first, since its frames are uneven."""


class ItemPlan(Frozen):
    """One conditioning item: how its file is prepared and where it acts."""

    loc: tuple[str, int] = Field(description="Field and index of the item in the request.")
    compress: CompressWork
    placement: Placement


def plan_items(request: VideoRequest, media: Sequence[Medium], size: Size) -> tuple[ItemPlan, ...]:
    """Decide for each medium, the images first, how it is prepared and where it acts.

    Raises:
        Refused: A clip is too short for its place.
    """
    images = [_picture(index, request, size) for index in range(len(request.images))]
    clips = zip(request.videos, media[len(images) :], strict=True)
    videos = [
        _clip(("videos", index), video, found, request=request, size=size)
        for index, (video, found) in enumerate(clips)
    ]
    return (*images, *videos)


def _picture(index: int, request: VideoRequest, size: Size) -> ItemPlan:
    image = request.images[index]
    return ItemPlan(
        loc=("images", index),
        compress=CompressWork(kind="image", aspect=size, crf=request.constant_rate_factor),
        placement=Placement(
            kind="image", start_frame=image.start_frame_num, frames=1, strength=image.strength
        ),
    )


def _clip(
    loc: tuple[str, int],
    video: VideoConditioning,
    media: Medium,
    *,
    request: VideoRequest,
    size: Size,
) -> ItemPlan:
    take = min(media.frames, video.max_num_frames) if video.limit_num_frames else media.frames
    frame_rate = float(video.target_fps) if video.resample_fps else None
    frames = _frames_that_fit(
        take if frame_rate is None else _resampled(take, media.frame_rate, frame_rate),
        room=request.number_of_frames - video.start_frame_num,
    )
    if video.start_frame_num and frames < _LEAST_LATER_CLIP:
        raise _too_short(loc, take, video)
    return ItemPlan(
        loc=loc,
        compress=CompressWork(
            kind="video",
            aspect=size,
            crf=request.constant_rate_factor,
            take=take,
            reverse=video.reverse_video,
            even=media.held,
            source_frame_rate=media.frame_rate,
            frame_rate=frame_rate,
            frames=frames,
        ),
        placement=Placement(
            kind="video",
            start_frame=video.start_frame_num,
            frames=frames,
            strength=video.strength,
        ),
    )


def _resampled(frames: int, frame_rate: float, target: float) -> int:
    """Return how many frames a clip has once it is brought to ``target`` frames a second."""
    exact = Fraction(frames) * Fraction(target) / Fraction(frame_rate).limit_denominator(1001)
    return max(1, int(exact))


def _frames_that_fit(frames: int, *, room: int) -> int:
    """Return the longest 8k+1 that is in the clip and fits, as the reference trims."""
    return (min(frames, room) - 1) // geometry.TEMPORAL * geometry.TEMPORAL + 1


def _too_short(loc: Loc, frames: int, video: VideoConditioning) -> Refused:
    return Refused.because(
        (*loc, "video_url"),
        f"gives too few frames ({frames} used); a clip that starts at frame "
        f"{video.start_frame_num} needs {_LEAST_LATER_CLIP}. Send a longer clip, start it at "
        "frame 0, or send its frame as an image",
        type="video_duration_too_short",
        min_frames=_LEAST_LATER_CLIP,
    )
