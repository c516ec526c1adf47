"""Prepare conditioning media as the model's training data were."""

from __future__ import annotations

from blocks.media_store import MediaStore
from ltxv.errors import Loc
from ltxv.media.binaries import ffmpeg_version
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.refs import MediaRef, Ref
from ltxv.scratch import scratch
from tasks.stage import stage


@stage("compress_media", key=["work", "source"], version=2, also=ffmpeg_version)
def compress_media(*, work: CompressWork, source: MediaRef, loc: Loc, store: MediaStore) -> Ref:
    """Trim, reverse, resample, crop, blur and compress one picture or clip at the CRF.

    Args:
        work: What is done to it.
        source: What was fetched.
        loc: Field of the request, for errors.
        store: Where both are kept.

    Raises:
        Refused: It cannot be decoded.
    """
    with scratch() as folder, store.open(source) as file:
        prepared = folder / "prepared.mkv"
        compress(file, prepared, work, loc=loc)
        return store.put(prepared, folder="prepared", suffix=".mkv")
