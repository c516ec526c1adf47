"""One request in, one video out."""

from __future__ import annotations

from prefect import flow

from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from blocks.saved import DEFAULT, saved
from flows.plain_errors import log_errors_plainly
from flows.report import report
from flows.seed import seed_of_this_run
from ltxv.media.write import VideoQuality
from ltxv.plan import resolve
from ltxv.provenance import file_name, provenance
from ltxv.refs import Ref
from ltxv.request import VideoRequest
from ltxv.result import File, VideoResult
from ltxv.unsupported import refuse_unsupported
from tasks.compress_media import compress_media
from tasks.encode_prompt import encode_prompt
from tasks.fetch_lora import fetch_lora
from tasks.fetch_media import fetch_media
from tasks.finish import FinishWork, finish
from tasks.first_pass import first_pass
from tasks.ledger import new_ledger
from tasks.screen_prompt import screen_prompt
from tasks.second_pass import second_pass
from tasks.upload import upload


@flow(name="generate-video", flow_run_name="{request.prompt:.60}")
def generate_video(  # noqa: PLR0917 - the fields of the run form
    request: VideoRequest,
    model: str = DEFAULT,
    store: str = DEFAULT,
    safety: str = DEFAULT,
    quality: VideoQuality = "high",
    credentials: str = DEFAULT,
) -> VideoResult:
    """Generate a video from a prompt and any number of images and videos.

    Args:
        request: What to generate.
        model: Name of the saved LTX Model block that runs.
        store: Name of the saved LTX Media Store block that keeps everything.
        safety: Name of the saved LTX Safety Checker block that judges prompt and frames.
        quality: How much detail the mp4's encoder keeps; low, medium, high or maximum.
        credentials: Name of the saved LTX Content Credentials block that signs the mp4.

    Returns:
        The video's address, the prompt and seed used, and what each stage did.

    Raises:
        Refused: The request, a medium or the finished clip is not acceptable.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: Weights, memory, a disk or a block needs its operator.
    """
    log_errors_plainly()
    refuse_unsupported(request)
    ltx, kept = saved(LTXModel, model), saved(MediaStore, store)
    checker = saved(SafetyChecker, safety)
    checked = request.enable_safety_checker
    signer = saved(ContentCredentials, credentials)
    signed_by = signer.identity
    with new_ledger() as stages:
        screen_prompt(
            text=request.prompt,
            judge=checker.prompt_identity(requested=checked),
            requested=checked,
            safety=checker,
            store=kept,
        )
        media = fetch_media.each([{**source._asdict(), "store": kept} for source in request.media])
        loras = fetch_lora.each(
            [
                {
                    "path": lora.path,
                    "weight_name": lora.weight_name,
                    "loc": lora.loc,
                    "store": kept,
                }
                for lora in request.lora_sources
            ]
        )
        plan = resolve(
            request,
            media,
            model=ltx.identity,
            seed=seed_of_this_run(),
            shape=ltx.shape,
            loras=[lora.sha256 for lora in loras],
        )
        items = compress_media.each(
            [
                {"work": item.compress, "source": source, "loc": item.loc, "store": kept}
                for item, source in zip(plan.items, media, strict=True)
            ]
        )
        prompt = encode_prompt(work=plan.prompt_work, model=ltx, store=kept)
        first = first_pass(
            work=plan.first_pass_work,
            prompt=prompt,
            items=items,
            loras=loras,
            model=ltx,
            store=kept,
        )
        second = second_pass(
            work=plan.second_pass_work,
            latents=first,
            prompt=prompt,
            items=items,
            loras=loras,
            model=ltx,
            store=kept,
        )
        clip = finish(
            work=FinishWork(
                decode=plan.decode_work,
                reverse=plan.reverse_video,
                judge=checker.identity
                if checker.applies(requested=plan.enable_safety_checker)
                else None,
                frame_rate=plan.frame_rate,
                quality=quality,
                provenance=provenance(
                    request, plan, media, quality=quality, signed=signed_by is not None
                ),
                signer=signed_by,
            ),
            latents=second,
            model=ltx,
            safety=checker,
            credentials=signer,
            store=kept,
        )
        published = upload(clip=clip.video, name=file_name(plan, clip.video), store=kept)
    result = VideoResult(
        video=_file(published, kept),
        prompt=plan.prompt,
        seed=plan.seed,
        stages=stages.table(),
    )
    report(result, plan, sheet=clip.sheet, store=kept)
    return result


def _file(published: Ref, store: MediaStore) -> File:
    """Describe an upload; its address is made now, because a signed one ends after a while."""
    return File(
        url=store.url(published.path),
        content_type="video/mp4",
        file_name=published.path.rpartition("/")[2],
        file_size=published.size,
    )
