"""The two passes on what a request was prepared to."""

from __future__ import annotations

from flows.equipment import Equipment
from flows.prepare import Prepared
from ltxv.refs import LatentRef
from tasks.first_pass import first_pass
from tasks.second_pass import second_pass


def draft(prepared: Prepared, *, use: Equipment) -> LatentRef:
    """Decide the motion, at low resolution.

    Raises:
        Refused: A LoRA does not fit the model.
        Misconfigured: The weights cannot be loaded, or memory ran out.
    """
    return first_pass(
        work=prepared.plan.first_pass_work,
        prompt=prepared.prompt,
        items=prepared.items,
        loras=prepared.loras,
        model=use.model,
        store=use.store,
    )


def refine(latents: LatentRef, prepared: Prepared, *, use: Equipment) -> LatentRef:
    """Add details to a draft, at the full resolution.

    Raises:
        Refused: A LoRA does not fit the model.
        Misconfigured: The weights cannot be loaded, or memory ran out.
    """
    return second_pass(
        work=prepared.plan.second_pass_work,
        latents=latents,
        prompt=prepared.prompt,
        items=prepared.items,
        loras=prepared.loras,
        model=use.model,
        store=use.store,
    )
