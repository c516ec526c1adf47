"""URLs of files in a store, made and read."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

_HERE = ("", "localhost")


def url_below(base: str, key: str) -> str:
    """Return the URL of ``key`` below ``base``, percent-encoded."""
    return f"{base.rstrip('/')}/{quote(key)}"


def key_below(url: str, base: str | None) -> str | None:
    """Return what ``url`` names below ``base``, or ``None`` if it is elsewhere or no URL.

    A query is not looked at: it may be a signature that this store once gave out.
    """
    if not base:
        return None
    try:
        ours, theirs = urlsplit(base), urlsplit(url)
    except ValueError:
        return None
    folder = ours.path.rstrip("/") + "/"
    same_place = (ours.scheme, ours.netloc.lower()) == (theirs.scheme, theirs.netloc.lower())
    if not same_place or not theirs.path.startswith(folder):
        return None
    return unquote(theirs.path[len(folder) :])


def path_of(url: str) -> Path | None:
    """Return the local file that a ``file://`` URL or an absolute path names."""
    if url.startswith("/"):
        return Path(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc.lower() not in _HERE:
        return None
    path = Path(unquote(parts.path))
    return path if path.is_absolute() else None
