"""What a sweep will cost, found out before a GPU is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from flows.equipment import Equipment
from flows.planning import Fetched, fetched, planned
from ltxv.frozen import Frozen, digest_of
from ltxv.grid import GridCell
from ltxv.plan import Plan
from ltxv.refs import MediaRef


class SweepPlan(Frozen):
    """How much a sweep has to do at most; what the store has already is not made again."""

    cells: int = Field(description="Videos, one for each combination of settings.")
    stages: dict[str, int] = Field(
        description="How often each stage runs, cells that share a stage counted once."
    )
    gpu_seconds: float = Field(description="Estimated seconds on one H200, weights loaded.")
    gpu_seconds_unshared: float = Field(description="The same if every cell ran all of its stages.")


def plan_sweep(cells: Sequence[GridCell], *, seed: int, use: Equipment) -> SweepPlan:
    """Count the different stages of all cells; media are fetched to learn their sizes.

    Args:
        cells: What will be made.
        seed: Of the cells that name none.
        use: The blocks of the run.

    Raises:
        Refused: A medium is not acceptable.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: A block needs its operator.
    """
    shape = use.model.shape
    fetches: dict[Any, Fetched] = {}
    stages: dict[str, dict[str, float]] = {
        name: {} for name in ("encode_prompt", "first_pass", "second_pass", "decode")
    }
    unshared = 0.0
    for cell in cells:
        request = cell.request
        names = (request.media, request.lora_sources)
        if names not in fetches:
            fetches[names] = fetched(request, use=use)
        found = fetches[names]
        plan = planned(request, found, seed=seed, use=use)
        seconds = plan.stage_seconds(shape)._asdict()
        unshared += sum(seconds.values())
        text = [plan.prompt_work.digest, request.expand_prompt and plan.seed]
        for name, identity in _identities(plan, found.media, text=digest_of(text)).items():
            stages[name][identity] = seconds[name]
    return SweepPlan(
        cells=len(cells),
        stages={name: len(found) for name, found in stages.items()},
        gpu_seconds=round(sum(sum(found.values()) for found in stages.values()), 6),
        gpu_seconds_unshared=round(unshared, 6),
    )


def _identities(plan: Plan, media: Sequence[MediaRef], *, text: str) -> dict[str, str]:
    """Return what decides each stage: all that came before, and the stage's own work.

    ``text`` stands for the prompt; one that is written out depends on the seed as well.
    """
    items = [
        [item.compress.digest, medium.sha256]
        for item, medium in zip(plan.items, media, strict=True)
    ]
    first: list[Any] = [text, items, plan.first_pass_work.digest]
    second: list[Any] = [first, plan.second_pass_work.digest]
    finish: list[Any] = [
        second,
        plan.decode_work.digest,
        plan.reverse_video,
        plan.enable_safety_checker,
        plan.frame_rate,
    ]
    return {
        "encode_prompt": text,
        "first_pass": digest_of(first),
        "second_pass": digest_of(second),
        "decode": digest_of(finish),
    }
