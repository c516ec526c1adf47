"""What made a clip, read from the file itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ltxv import credentials
from ltxv.credentials import Credentials
from ltxv.errors import Refused
from ltxv.frozen import Frozen
from ltxv.media.tags import read_comment
from ltxv.media.write import VideoQuality
from ltxv.provenance import SIGNED


class Inspection(Frozen):
    """How a clip was made, and whether that is vouched for."""

    generator: str
    versions: Mapping[str, str] = Field(default_factory=dict)
    model: Mapping[str, Any]
    seed: int
    request: Mapping[str, Any]
    quality: VideoQuality = "high"
    expansion: Mapping[str, str] | None = Field(
        default=None, description="The prompt as it was sent, and what wrote it out."
    )
    ai_generated: bool
    credentials: Credentials


def inspect_clip(file: Path, *, trust: str | None = None) -> Inspection:
    """Return what a clip of ours says of itself, and whether its signature holds.

    Args:
        file: The mp4.
        trust: Certificates, PEM, of the authorities that are trusted; none if left out.

    Raises:
        Refused: It cannot be read, or is no clip that LTX Flows made.
        Misconfigured: There is no ffprobe that runs.
    """
    try:
        found = credentials.check(file, trust=trust)
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror}; check the path") from error
    comment = _said(file)
    said = comment if comment is not None else found.claims
    if said is None:
        raise _refused(file, "is no video that LTX Flows made; its tags do not say how it was made")
    try:
        return Inspection(
            **{key: value for key, value in said.items() if key != SIGNED},
            credentials=_held_against(said, found),
        )
    except (ValidationError, TypeError) as error:
        raise _refused(file, "has tags that LTX Flows does not understand") from error


def _held_against(said: Mapping[str, Any], found: Credentials) -> Credentials:
    """Return the verdict; a clip that says it was signed must have its credentials."""
    if found.state == "absent" and said.get(SIGNED):
        gone = "the file says it was signed, and its credentials are gone"
        return found.model_copy(update={"state": "invalid", "problems": (gone,)})
    return found


def _said(file: Path) -> Mapping[str, Any] | None:
    try:
        said = json.loads(read_comment(file) or "null")
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and "generator" in said else None


def _refused(file: Path, said: str) -> Refused:
    return Refused.because((str(file),), said, type="value_error")
