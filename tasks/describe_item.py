"""Say in words what a video begins with."""

from __future__ import annotations

from datetime import timedelta

from blocks.captioner import Captioner
from blocks.media_store import MediaStore
from ltxv.frozen import Frozen
from ltxv.media.frames import frame_batches
from ltxv.refs import Ref
from tasks.stage import stage


class Description(Frozen):
    """What a picture shows."""

    text: str


@stage(key=["item", "by"], timeout=timedelta(minutes=15), retries=1)
def describe_item(
    *,
    item: Ref,
    by: str,  # noqa: ARG001 - part of the key
    captioner: Captioner,
    store: MediaStore,
) -> Description:
    """Have the first frame of a prepared conditioning item described; once for all seeds.

    Args:
        item: The prepared item.
        by: Identity of who describes it, ``Captioner.identity``.
        captioner: Who describes it.
        store: Where the item is, and where the description is kept.

    Raises:
        Transient: The captioner is away, busy or too slow.
        Misconfigured: It cannot be used, or its answer is no description.
    """
    with store.open(item) as file:
        frames = next(frame_batches(file))
    return Description(text=captioner.describe(frames[:1]))
