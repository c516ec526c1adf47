"""Turn latents into frames."""

from __future__ import annotations

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from ltxv.engine import DecodeWork, Frames
from ltxv.reel import Reel
from ltxv.refs import LatentRef
from tasks.gpu_time import gpu_time
from tasks.ledger import tell_stepped
from tasks.stage import passing_stage


@passing_stage("decode")
def decode(*, work: DecodeWork, latents: LatentRef, model: LTXModel, store: MediaStore) -> Frames:
    """Decode, resize to the size asked for and crop, all on the model's device.

    Args:
        work: Sizes, frame count and decode noise.
        latents: What the second pass made.
        model: Whose engine does it.
        store: Where the latents are.

    Raises:
        Misconfigured: The weights cannot be loaded, or memory ran out.
    """

    def on_step(done: int, total: int) -> None:
        tell_stepped("decode", done, total)

    content, reel = store.get(latents), Reel(work)
    with gpu_time("decode"):
        model.engine().decode(work, latents=content, on_step=on_step, on_frames=reel.add)
    return reel.frames
