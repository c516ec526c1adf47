"""All stages of one video, in order."""

from __future__ import annotations

from flows.accounts import accounted
from flows.equipment import Equipment
from flows.passes import draft, refine
from flows.prepare import Written, prepare
from flows.publish import publish
from ltxv.media.write import VideoQuality
from ltxv.request import VideoRequest
from ltxv.result import VideoResult


def make_video(
    request: VideoRequest,
    *,
    seed: int,
    use: Equipment,
    quality: VideoQuality,
    written: Written | None = None,
) -> VideoResult:
    """Make a video inside a flow run; what an earlier run made of it is used again.

    Args:
        request: What to generate.
        seed: Used if the request names none.
        use: The blocks of the run.
        quality: How much detail the mp4 keeps.
        written: How the request's prompt came about, if a language model wrote it before.

    Raises:
        Refused: The request, a medium or the finished clip is not acceptable.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: Weights, memory, a disk or a block needs its operator.
    """
    with accounted(use.model) as stages:
        prepared = prepare(request, seed=seed, use=use)
        if written is not None:
            prepared = prepared.as_written(written)
        latents = refine(draft(prepared, use=use), prepared, use=use)
        return publish(latents, prepared, use=use, quality=quality, stages=stages)
