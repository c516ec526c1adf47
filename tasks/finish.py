"""From the last latents to a finished file, without frames ever leaving memory."""

from __future__ import annotations

from datetime import timedelta

from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from ltxv.engine import DecodeWork, Frames
from ltxv.frozen import Frozen
from ltxv.media.binaries import ffmpeg_version
from ltxv.media.sheet import contact_sheet
from ltxv.media.write import VideoQuality
from ltxv.provenance import Provenance
from ltxv.refs import LatentRef, MediaRef, Ref
from ltxv.safety import Verdict
from ltxv.scratch import scratch
from tasks.clip import Clip
from tasks.decode import decode
from tasks.patience import kept
from tasks.reverse import reverse
from tasks.screen_frames import screen_frames
from tasks.stage import stage
from tasks.write_video import write_video


class FinishWork(Frozen):
    """What happens to a clip after its latents are done."""

    decode: DecodeWork
    reverse: bool
    judge: str | None
    """Identity of the safety checker; None if the clip is not screened."""
    frame_rate: int
    quality: VideoQuality
    provenance: Provenance
    signer: str | None
    """Identity of the Content Credentials, of public parts; None if the clip is not signed."""


@stage(
    "decode",
    "reverse",
    "screen_frames",
    "write_video",
    key=["work", "latents"],
    version=2,
    also=ffmpeg_version,
    timeout=timedelta(hours=2),
)
def finish(
    *,
    work: FinishWork,
    latents: LatentRef,
    model: LTXModel,
    safety: SafetyChecker,
    credentials: ContentCredentials,
    store: MediaStore,
) -> Clip:
    """Decode, reverse and screen the frames if asked, write the file and sign it.

    One cached stage around four that are not: frames are too large to keep, and a clip that is
    there needs no frames. They are judged while they are written; what is written stays in a
    scratch folder until they have passed.

    Args:
        work: What is done.
        latents: What the second pass made.
        model: Whose engine decodes.
        safety: Who judges the frames.
        credentials: Who signs the clip.
        store: Where the clip is kept.

    Raises:
        Refused: The frames are unsafe.
        Misconfigured: They could not be judged, the clip cannot be signed, or the disk is
            full.
    """
    frames = decode(work=work.decode, latents=latents, model=model, store=store)
    if work.reverse:
        frames = reverse(frames=frames)
    judged = None
    if work.judge is not None:
        judged = screen_frames.beside(frames=frames, safety=safety)
    with scratch() as folder:
        file = folder / "clip.mp4"
        write_video(
            frames=frames,
            target=file,
            frame_rate=work.frame_rate,
            quality=work.quality,
            provenance=work.provenance,
        )
        verdict = None if judged is None else judged.result()
        if work.signer is not None:
            signed = folder / "signed.mp4"
            credentials.seal(file, signed, claims=work.provenance.claims)
            file = signed
        video = kept(file, folder="clips", suffix=".mp4", store=store)
    return _clip(video, frames, verdict, frame_rate=work.frame_rate, store=store)


def _clip(
    video: Ref, frames: Frames, verdict: Verdict | None, *, frame_rate: int, store: MediaStore
) -> Clip:
    """Describe the file, and keep a contact sheet of it."""
    count, height, width, _ = frames.shape
    sheet = contact_sheet(frames, frame_rate=frame_rate)
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
        sheet=kept(sheet, folder="sheets", suffix=".jpg", store=store),
        verdict=verdict,
    )
