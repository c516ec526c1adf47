"""Make the frames a file."""

from __future__ import annotations

from pathlib import Path

from ltxv.engine import Frames
from ltxv.media import write
from ltxv.media.write import VideoQuality
from ltxv.provenance import Provenance
from tasks.stage import passing_stage


@passing_stage("write_video")
def write_video(
    *,
    frames: Frames,
    target: Path,
    frame_rate: int,
    quality: VideoQuality,
    provenance: Provenance,
) -> None:
    """Write an H.264 mp4 into a scratch folder; it leaves that only once it was judged.

    Args:
        frames: The clip.
        target: The file.
        frame_rate: Frames a second.
        quality: How much detail the encoder keeps.
        provenance: Written into the file.

    Raises:
        Misconfigured: The disk is full.
    """
    write.write_video(
        frames,
        target,
        frame_rate=frame_rate,
        quality=quality,
        title=provenance.title,
        comment=provenance.comment,
    )
