"""Bring conditioning media into the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from blocks.media_store import MediaStore
from ltxv.errors import Loc
from ltxv.media.probe import probe
from ltxv.refs import MediaRef
from ltxv.scratch import scratch
from tasks.stage import stage

_SAME_CONTENT_FOR = timedelta(hours=1)
"""How long a URL is taken to lead to the same bytes."""


@stage("fetch_media", key=["url", "kind"], version=2, keep=_SAME_CONTENT_FOR)
def fetch_media(
    *, url: str, kind: Literal["image", "video"], loc: Loc, store: MediaStore
) -> MediaRef:
    """Download one picture or clip, find out by its content what it is, and keep it.

    Args:
        url: http(s) URL, data URI or URL of the store.
        kind: What the request says it is.
        loc: Field of the request, for errors.
        store: Where it is kept; its limits hold for the download.

    Raises:
        Refused: It is not allowed, not there, too large, or not a picture or clip of that kind.
        Transient: The network or the server failed.
    """
    with scratch() as folder:
        file = folder / "media"
        store.fetch(url, file, loc=loc)
        found = probe(file, loc=loc, expect=kind)
        stored = store.put(file, folder="media", suffix="")
    return MediaRef(
        **stored.model_dump(),
        kind=found.kind,
        content_type=found.content_type,
        width=found.width,
        height=found.height,
        frames=found.frames,
        frame_rate=found.frame_rate,
        held=found.held,
    )
