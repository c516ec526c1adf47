"""Conditioning items as the command line writes them: ``photo.jpg@120:0.8``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_PLACED = re.compile(r"(?P<medium>.+?)(?:@(?P<start>\d+)(?::(?P<strength>\d+(?:\.\d+)?|\.\d+))?)?")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def item(text: str, *, field: str) -> dict[str, Any]:
    """Return the request's object for ``MEDIUM[@START[:STRENGTH]]``.

    A file whose own name looks like that is taken as the file.

    Args:
        text: What was typed; the medium is a path or a URL.
        field: ``image_url`` or ``video_url``.
    """
    found = _PLACED.fullmatch(text)
    if found is None or Path(text).exists():
        return {field: _from_here(text)}
    placed: dict[str, Any] = {field: _from_here(found["medium"])}
    if found["start"] is not None:
        placed["start_frame_num"] = int(found["start"])
    if found["strength"] is not None:
        placed["strength"] = float(found["strength"])
    return placed


def _from_here(medium: str) -> str:
    """Return a path typed on the command line as seen from everywhere; URLs stay as they are."""
    if _URL.match(medium):
        return medium
    return str(Path(medium).expanduser().absolute())
