"""Make the frames a file."""

from __future__ import annotations

from blocks.media_store import MediaStore
from ltxv.engine import Frames
from ltxv.media.sheet import contact_sheet
from ltxv.media.write import VideoQuality
from ltxv.media.write import write_video as write
from ltxv.provenance import Provenance
from ltxv.refs import MediaRef
from tasks.clip import Clip
from tasks.scratch import scratch
from tasks.stage import passing_stage


@passing_stage("write_video")
def write_video(
    *,
    frames: Frames,
    frame_rate: int,
    quality: VideoQuality,
    provenance: Provenance,
    store: MediaStore,
) -> Clip:
    """Write an H.264 mp4 and a contact sheet of it, and keep both.

    Args:
        frames: The clip.
        frame_rate: Frames a second.
        quality: How much detail the encoder keeps.
        provenance: Written into the file.
        store: Where both are kept.

    Raises:
        Misconfigured: The disk is full.
    """
    with scratch() as folder:
        file = folder / "clip.mp4"
        write(
            frames,
            file,
            frame_rate=frame_rate,
            quality=quality,
            title=provenance.title,
            comment=provenance.comment,
        )
        video = store.put(file, folder="clips", suffix=".mp4")
    sheet = store.put(contact_sheet(frames, frame_rate=frame_rate), folder="sheets", suffix=".jpg")
    count, height, width, _ = frames.shape
    return Clip(
        video=MediaRef(
            **video.model_dump(),
            kind="video",
            content_type="video/mp4",
            width=width,
            height=height,
            frames=count,
            frame_rate=frame_rate,
        ),
        sheet=sheet,
    )
