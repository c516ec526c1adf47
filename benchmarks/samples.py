"""What all measurements ask for: a photo, and the plan of a request that has it."""

from __future__ import annotations

from pathlib import Path

from ltxv.checkpoints import find_checkpoint
from ltxv.media.probe import probe
from ltxv.plan import Plan, resolve
from ltxv.request import VideoRequest

PHOTO = Path(__file__).parents[1] / "samples" / "cat.jpg"


def planned(request: VideoRequest, *, photo: Path = PHOTO) -> Plan:
    """Return the plan of a request with ``photo``, for the tiny checkpoint on the CPU."""
    model = find_checkpoint("tiny").identity(dtype="float32", device="cpu")
    found = probe(photo, loc=("images", 0), expect="image")
    return resolve(request, [found], model=model, seed=0)
