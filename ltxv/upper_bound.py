"""What a request costs at most, told without its media."""

from __future__ import annotations

from typing import NamedTuple

from ltxv.engine import ModelIdentity
from ltxv.estimate import Estimate, ModelShape
from ltxv.geometry import output_size
from ltxv.plan import resolve
from ltxv.request import VideoRequest

_LONGEST_CLIP = 1441


class _Unseen(NamedTuple):
    """A medium nobody has looked at yet: as long as one may be."""

    width: int
    height: int
    frames: int
    frame_rate: float
    held: bool = False


def cost_at_most(request: VideoRequest, *, model: ModelIdentity, shape: ModelShape) -> Estimate:
    """Return the cost of a request whose clips fill all the frames they may.

    ``auto`` is taken for 16:9; other shapes have the same area and so about the same cost.

    Raises:
        Refused: The request asks for something this version cannot do.
    """
    wide = output_size(request.resolution, "16:9")
    medium = _Unseen(wide.width, wide.height, _LONGEST_CLIP, frame_rate=1)
    return resolve(
        request,
        [medium] * len(request.media),
        model=model,
        seed=0,
        shape=shape,
        loras=[""] * len(request.lora_sources),
    ).estimate
