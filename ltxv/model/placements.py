"""The last check of conditioning items before a pass: what the transformer cannot express."""

from __future__ import annotations

from collections.abc import Sequence

from ltxv.engine import Frames, PassWork, Placement
from ltxv.errors import Misconfigured, Refused, Violation
from ltxv.geometry import TEMPORAL


def check_placements(work: PassWork, items: Sequence[Frames]) -> None:
    """Refuse items that do not fit the clip's latents.

    Raises:
        Refused: an item starts, ends or is cut where no latent frame does.
        Misconfigured: the files are not those the work was planned with.
    """
    if len(items) != len(work.placements):
        raise Misconfigured(
            f"the pass was planned with {len(work.placements)} conditioning items and got "
            f"{len(items)}; prepare them again"
        )
    for index, (placement, item) in enumerate(zip(work.placements, items, strict=True)):
        if len(item) != placement.frames:
            raise Misconfigured(
                f"conditioning item {index} was planned with {placement.frames} frames and its "
                f"file has {len(item)}; prepare it again"
            )
        for violation in _violations(work, index, placement):
            raise Refused(violation)


def _violations(work: PassWork, index: int, placement: Placement) -> list[Violation]:
    start, frames = placement.start_frame, placement.frames
    loc = ("placements", index)
    found = []
    if start + frames > work.frames:
        found.append(
            Violation(
                loc=loc,
                msg=f"frames {start} to {start + frames - 1} reach past the clip's "
                f"{work.frames}; start earlier or shorten the item",
                type="value_error",
            )
        )
    if frames % TEMPORAL != 1:
        found.append(
            Violation(
                loc=loc,
                msg=f"{frames} frames; a clip has 8k+1, such as 9 or 17",
                type="value_error",
            )
        )
    if start and frames > 1 and start % TEMPORAL:
        found.append(
            Violation(
                loc=(*loc, "start_frame"),
                msg=f"a clip starts at a multiple of {TEMPORAL}, not at {start}",
                type="multiple_of",
                ctx={"multiple_of": TEMPORAL},
            )
        )
    return found
