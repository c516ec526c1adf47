"""Keep unsafe pictures and clips from conditioning a video."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from ltxv.errors import Refused, Violation
from ltxv.item_plan import ItemPlan
from ltxv.media.frames import frame_batches
from ltxv.refs import Ref
from ltxv.safety import Verdict, joined
from tasks.stage import stage
from tasks.tell_operator import tell_operator
from tasks.verdict_page import refused_page


def screen_media(
    media: Sequence[Ref], *, items: Sequence[ItemPlan], safety: SafetyChecker, store: MediaStore
) -> list[Verdict]:
    """Let prepared media pass if not one frame that the model would see is unsafe.

    Args:
        media: What was prepared.
        items: The items of the request that they were prepared for.
        safety: Who judges them.
        store: Where they and the verdicts are kept.

    Raises:
        Refused: ``content_policy_violation`` at the field of every medium that is unsafe.
        Misconfigured: One could not be judged, so it does not pass either.
    """
    calls = [
        {"medium": medium, "judge": safety.identity, "safety": safety, "store": store}
        for medium in media
    ]
    verdicts = judge_medium.each(calls)
    refused = [
        _refusal(item, verdict)
        for item, verdict in zip(items, verdicts, strict=True)
        if verdict.refused
    ]
    if refused:
        raise Refused(*refused)
    return verdicts


@stage(key=["medium", "judge"])
def judge_medium(
    *,
    medium: Ref,
    judge: str,  # noqa: ARG001 - part of the key
    safety: SafetyChecker,
    store: MediaStore,
) -> Verdict:
    """Score every frame of a prepared picture or clip; what was judged once is not judged again.

    Args:
        medium: What was prepared.
        judge: Identity of what judges it, ``SafetyChecker.identity``.
        safety: Who judges it.
        store: Where it and the verdict are kept.

    Raises:
        Misconfigured: It could not be judged.
    """
    with store.open(medium) as file:
        return joined([safety.screen(frames) for frames in frame_batches(file)])


def _refusal(item: ItemPlan, verdict: Verdict) -> Violation:
    """Tell the operator about an unsafe medium and return what the caller is told."""
    field, index = item.loc
    kind = item.compress.kind
    # The operator has the scores; a caller could use them to feel for the threshold.
    get_run_logger().warning(
        "%s %d is unsafe: %d of %d frames, highest score %.3f",
        kind,
        index,
        len(verdict.frames),
        len(verdict.scores),
        verdict.highest,
    )
    tell_operator(refused_page(verdict), key=f"{kind}-{index}-refused")
    return Violation(
        loc=(field, index, f"{kind}_url"),
        msg=f"the {kind} was refused by the safety check; use another",
        type="content_policy_violation",
    )
