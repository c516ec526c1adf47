"""Names and types that senders give their files."""

from __future__ import annotations

import mimetypes
import re

from deployments.gateway.failures import Failure
from ltxv.errors import shortened

_LONGEST = 100
_LONGEST_TYPE = 127
_APART = re.compile(r"[/\\\x00-\x1f\x7f]")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
UNKNOWN = "application/octet-stream"
_MEDIA = ("image/", "video/", "audio/")
_OTHERS = (
    UNKNOWN,
    "application/json",
    "application/safetensors",
    "application/x-safetensors",
    "application/zip",
    "text/plain",
)
_ACTIVE = ("image/svg+xml",)
"""Documents in the guise of pictures: they may hold programs."""


def file_name(given: str | None, content_type: str) -> str:
    """Return the name that a file is kept under.

    Raises:
        Failure: It is a path, or has control characters in it.
    """
    name = (given or "").strip()
    if _APART.search(name) or name in (".", ".."):
        said = f"{shortened(name)!r} is a path, not the name of a file; send the last part alone"
        raise Failure.of_request(("file_name",), said, type="value_error")
    plain = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
    stem, dot, suffix = plain.lstrip(".").rpartition(".")
    if not dot:
        stem, suffix = suffix, (mimetypes.guess_extension(content_type) or ".bin")[1:]
    kept = f"{stem[: _LONGEST - len(suffix) - 1] or 'upload'}.{suffix[:20] or 'bin'}"
    return kept if len(kept.encode()) <= 2 * _LONGEST else f"upload.{suffix.encode()[:20].hex()}"


def media_type(given: str | None) -> str:
    """Return the type that a file is served with.

    Raises:
        Failure: It is none, or none that is taken.
    """
    told = (given or UNKNOWN).partition(";")[0].strip().lower() or UNKNOWN
    known = len(told) <= _LONGEST_TYPE and _TYPE.fullmatch(told)
    if known and told not in _ACTIVE and (told.startswith(_MEDIA) or told in _OTHERS):
        return told
    said = (
        f"files of the type {shortened(told)!r} are not taken; send pictures, clips, sound, or "
        f"{', '.join(_OTHERS)}"
    )
    raise Failure(415, said, error_type="unsupported_media_type")
