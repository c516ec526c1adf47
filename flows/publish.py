"""From finished latents to a file that the caller can open."""

from __future__ import annotations

from prefect.runtime import flow_run

from blocks.media_store import MediaStore
from blocks.run_notes import RunNote, note_run
from blocks.safety_checker import SafetyChecker
from flows.equipment import Equipment
from flows.prepare import Prepared
from flows.report import report
from ltxv.engine import DecodeWork
from ltxv.media.write import VideoQuality
from ltxv.provenance import file_name, provenance
from ltxv.refs import LatentRef, Ref
from ltxv.result import File, VideoResult
from tasks.clip import Clip
from tasks.finish import FinishWork, finish
from tasks.ledger import Ledger
from tasks.patience import patiently
from tasks.tell_operator import tell_operator
from tasks.upload import upload
from tasks.verdict_page import passed_page


def publish(
    latents: LatentRef,
    prepared: Prepared,
    *,
    use: Equipment,
    quality: VideoQuality,
    stages: Ledger,
) -> VideoResult:
    """Decode, screen, write, sign and upload a clip, and report it to the flow run.

    Args:
        latents: What the second pass made.
        prepared: What they were made from.
        use: The blocks of the run.
        quality: How much detail the mp4 keeps.
        stages: The run's ledger.

    Raises:
        Refused: The frames are unsafe.
        Transient: The store still failed at the last try.
        Misconfigured: They could not be judged, the clip cannot be signed, or the disk is full.
    """
    plan = prepared.plan
    clip = _finished(latents, prepared, use=use, quality=quality, decode=plan.decode_work)
    published = upload(clip=clip.video, name=file_name(plan, clip.video), store=use.store)
    result = VideoResult(
        video=_file(published, use.store),
        prompt=plan.prompt,
        seed=plan.seed,
        stages=stages.table(),
        usage=stages.usage(hour_price=use.model.gpu_hour_price),
    )
    run = flow_run.get_id()
    if run is not None:
        note = RunNote(result=result, sheet=clip.sheet)
        patiently(lambda: note_run(run, note, use.store))
    report(result, plan, sheet=clip.sheet, store=use.store)
    tell_operator(_safety_page(clip, prepared, use.safety), key="safety")
    return result


def preview(latents: LatentRef, prepared: Prepared, *, use: Equipment) -> Clip:
    """Make a small clip of a draft; it is screened like any other, and stays in the store.

    Args:
        latents: What the first pass made.
        prepared: What they were made from.
        use: The blocks of the run.

    Raises:
        Refused: The frames are unsafe.
        Misconfigured: They could not be judged, the clip cannot be signed, or the disk is full.
    """
    work = prepared.plan.preview_work
    return _finished(latents, prepared, use=use, quality="low", decode=work)


def _finished(
    latents: LatentRef,
    prepared: Prepared,
    *,
    use: Equipment,
    quality: VideoQuality,
    decode: DecodeWork,
) -> Clip:
    plan = prepared.plan
    screened = use.safety.applies(requested=plan.enable_safety_checker)
    signer = use.credentials.identity
    work = FinishWork(
        decode=decode,
        reverse=plan.reverse_video,
        judge=use.safety.identity if screened else None,
        frame_rate=plan.frame_rate,
        quality=quality,
        provenance=provenance(
            prepared.request, plan, prepared.media, quality=quality, signed=signer is not None
        ),
        signer=signer,
    )
    return finish(
        work=work,
        latents=latents,
        model=use.model,
        safety=use.safety,
        credentials=use.credentials,
        store=use.store,
    )


def _safety_page(clip: Clip, prepared: Prepared, safety: SafetyChecker) -> str:
    """Say what the safety check said, in this run or in the one whose clip is used again."""
    media = zip(prepared.plan.items, prepared.verdicts, strict=False)
    verdicts = {f"{item.compress.kind} {item.loc[1]}": verdict for item, verdict in media}
    if clip.verdict is not None:
        verdicts["clip"] = clip.verdict
    return passed_page(verdicts, refuse_at=safety.refuse_at)


def _file(published: Ref, store: MediaStore) -> File:
    """Describe an upload; its address is made now, because a signed one ends after a while."""
    return File(
        url=store.url(published.path),
        content_type="video/mp4",
        file_name=published.path.rpartition("/")[2],
        file_size=published.size,
    )
