"""The pass that adds the details."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from ltxv.engine import SecondPassWork
from ltxv.refs import EmbeddingRef, LatentRef, Ref
from tasks.gpu_time import gpu_time
from tasks.latents import keep_latents
from tasks.opened import opened
from tasks.progress import pass_progress
from tasks.stage import stage


@stage(
    "second_pass",
    key=["work", "latents", "prompt", "items"],
    timeout=timedelta(hours=4),
)
def second_pass(
    *,
    work: SecondPassWork,
    latents: LatentRef,
    prompt: EmbeddingRef,
    items: Sequence[Ref],
    loras: Sequence[Ref],
    model: LTXModel,
    store: MediaStore,
) -> LatentRef:
    """Upsample the first pass's latents to twice the size and refine them.

    Args:
        work: Sizes, sigmas and placements.
        latents: What the first pass made.
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
        pass_progress("second_pass", len(work.sigmas)) as on_step,
        gpu_time("second_pass"),
    ):
        content = model.engine().second_pass(
            work,
            latents=store.get(latents),
            prompt=store.get(prompt),
            items=files,
            on_step=on_step,
            loras=weights,
        )
    return keep_latents(content, store)
