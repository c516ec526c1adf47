"""Names inside a store: relative paths with slashes that never leave its root."""

from __future__ import annotations

import re

from ltxv.errors import Loc, Refused

RESULTS = "results"
OUTPUTS = "outputs"
LEASES = "leases"
EXPIRED = "expired"
"""Records that are used no more, kept for a while after that."""
NOTES = "runs"
"""What each run made, by its id."""
GATEWAY = "gateway"
"""What the gateway knows of keys and uploads."""
PRIVATE = (RESULTS, LEASES, EXPIRED, NOTES, GATEWAY)
"""Folders of which no caller may name a file."""
_RESERVED = (*PRIVATE, OUTPUTS)

_LONGEST_KEY = 1024  # bytes; S3's limit
_LONGEST_SEGMENT = 255  # bytes; the limit of Linux file systems
# "?" would be taken for a version by s3fs, "\" for a separator by some clients, and a control
# character has no place in a URL, a log line or a file name.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\?\ud800-\udfff]")
_FOLDER = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*")
_SUFFIX = re.compile(r"(\.[a-z0-9]+)*")
_CONTENT = re.compile(r"([a-z0-9_/-]+)/([0-9a-f]{2})/\2[0-9a-f]{62}(\.[a-z0-9]+)*")
DRAFTS_END = ".drafts.json"
"""How the names of notes of drafts end."""
_NOTE = re.compile(
    rf"{NOTES}/([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?:\.failure|\.drafts)?\.json"
)


def content_key(folder: str, sha256: str, suffix: str) -> str:
    """Return the one place of content: ``folder/ab/ab12....suffix``.

    Raises:
        ValueError: The folder or the suffix is no plain name, or the folder is a reserved one.
    """
    reserved = folder.partition("/")[0] in _RESERVED
    if reserved or not _FOLDER.fullmatch(folder) or not _SUFFIX.fullmatch(suffix):
        raise ValueError(
            f"folder {folder!r} and suffix {suffix!r} do not name a place for content; "
            "use lower case letters and digits, and a folder other than "
            f"{', '.join(_RESERVED)}"
        )
    return f"{folder}/{sha256[:2]}/{sha256}{suffix}"


def is_content(key: str) -> bool:
    """Say whether a key is one that ``content_key`` makes."""
    found = _CONTENT.fullmatch(key)
    return found is not None and found[1].partition("/")[0] not in _RESERVED


def note_name(run: str) -> str:
    """Return the name of a run's note among the notes."""
    return f"{run}.json"


def failure_name(run: str) -> str:
    """Return the name of the note of why a run made nothing."""
    return f"{run}.failure.json"


def drafts_name(run: str) -> str:
    """Return the name of the note of a run's drafts."""
    return f"{run}{DRAFTS_END}"


def noted_in(key: str) -> str | None:
    """Return the id of the run that a note with this key is of; None for any other file."""
    found = _NOTE.fullmatch(key)
    return found and found[1]


def is_key(text: str) -> bool:
    """Say whether ``text`` names a place inside the store, and no hidden one.

    Hidden names (a leading dot) are files in the making.
    """
    return (
        not _FORBIDDEN.search(text)
        and len(text.encode()) <= _LONGEST_KEY
        and all(_is_segment(segment) for segment in text.split("/"))
    )


def output_key(name: str, loc: Loc) -> str:
    """Return the place of a finished file called ``name``, which may have folders in it.

    Raises:
        Refused: The name would leave the folder of outputs or is none that a URL can carry.
    """
    key = f"{OUTPUTS}/{name}"
    if not is_key(key):
        raise Refused.because(
            loc,
            f"{name!r} cannot be the name of a file; use up to {_LONGEST_SEGMENT} bytes a part, "
            "no part that starts with a dot, no backslash, question mark or control character",
            type="value_error",
            input=name,
        )
    return key


def _is_segment(segment: str) -> bool:
    return bool(segment) and segment[0] != "." and len(segment.encode()) <= _LONGEST_SEGMENT
