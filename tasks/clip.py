"""A finished clip in the store."""

from __future__ import annotations

from pydantic import Field

from ltxv.frozen import Frozen
from ltxv.refs import MediaRef, Ref


class Clip(Frozen):
    """The mp4 and a picture of it."""

    video: MediaRef
    sheet: Ref = Field(description="Contact sheet, JPEG.")
