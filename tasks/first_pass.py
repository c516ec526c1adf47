"""The pass that decides the motion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from ltxv.engine import FirstPassWork
from ltxv.refs import EmbeddingRef, LatentRef, Ref
from tasks.gpu_time import gpu_time
from tasks.latents import keep_latents
from tasks.opened import opened
from tasks.progress import pass_progress
from tasks.stage import stage


@stage("first_pass", key=["work", "prompt", "items"], timeout=timedelta(hours=2))
def first_pass(
    *,
    work: FirstPassWork,
    prompt: EmbeddingRef,
    items: Sequence[Ref],
    loras: Sequence[Ref],
    model: LTXModel,
    store: MediaStore,
) -> LatentRef:
    """Denoise from pure noise at low resolution.

    Args:
        work: Sizes, sigmas, seed and placements.
        prompt: What the text encoder made.
        items: Prepared conditioning files, in the order of the placements.
        loras: LoRA files, in the order of the work's; they count by their digests there.
        model: Whose engine does it.
        store: Where the latents are kept.

    Raises:
        Refused: A LoRA does not fit the model.
        Misconfigured: The weights cannot be loaded, or memory ran out.
    """
    with (
        opened(items, store) as files,
        opened(loras, store) as weights,
        pass_progress("first_pass", len(work.sigmas)) as on_step,
        gpu_time("first_pass"),
    ):
        content = model.engine().first_pass(
            work, prompt=store.get(prompt), items=files, on_step=on_step, loras=weights
        )
    return keep_latents(content, store)
