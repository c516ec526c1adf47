"""What is to be done to one conditioning item."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ltxv.frozen import Frozen


class CompressWork(Frozen):
    """What is done to one conditioning item. The version of ffmpeg decides its bytes too."""

    kind: Literal["image", "video"]
    aspect: tuple[int, int] = Field(
        description="Width and height of the clip that is made; the item is cropped to their ratio."
    )
    crf: int = Field(ge=0, le=51, description="x264's constant rate factor; 0 keeps all detail.")
    take: int = Field(default=1, ge=1, description="Frames of the source that are used.")
    reverse: bool = Field(default=False, description="Whether those are used backwards.")
    even: bool = Field(
        default=False,
        description="Whether the source is brought to its own rate first, its frames being uneven.",
    )
    source_frame_rate: float = Field(default=0, ge=0, description="Of the source; 0 for a picture.")
    frame_rate: float | None = Field(
        default=None, gt=0, description="Rate the source is brought to; none keeps its frames."
    )
    frames: int = Field(default=1, ge=1, description="Frames of the result.")
    threads: int = Field(default=1, ge=1, description="x264's output depends on it.")
