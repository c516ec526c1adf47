"""What an mp4 says of itself."""

from __future__ import annotations

from pathlib import Path

from ltxv.media.header import Unreadable, read_header

_OWN_BYTES = {"f": "mov", "protocol_whitelist": "file"}


def read_comment(path: Path) -> str | None:
    """Return the comment of an mp4; None if it has none or is no mp4.

    Raises:
        Misconfigured: There is no ffprobe that runs.
    """
    try:
        said = read_header(path, show="format_tags=comment", reading=_OWN_BYTES)
    except Unreadable:
        return None
    comment = said.get("format", {}).get("tags", {}).get("comment")
    return comment if isinstance(comment, str) else None
