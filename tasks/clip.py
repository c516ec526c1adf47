"""A finished clip in the store."""

from __future__ import annotations

from pydantic import Field

from ltxv.frozen import Frozen
from ltxv.refs import MediaRef, Ref
from ltxv.safety import Verdict


class Clip(Frozen):
    """The mp4, a picture of it, and what was said about its frames."""

    video: MediaRef
    sheet: Ref = Field(description="Contact sheet, JPEG.")
    verdict: Verdict | None = Field(description="None if the frames were not judged.")
