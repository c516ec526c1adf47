"""A short prompt written out by a language model, if a request asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from flows.equipment import Equipment
from ltxv.expansion import ExpansionWork, begins_with_its_only_item
from ltxv.plan import Plan
from ltxv.refs import Ref
from ltxv.request import VideoRequest
from tasks.screen_prompt import screen_prompt
from tasks.settle_prompt import settle_prompt


def expanded(
    plan: Plan, request: VideoRequest, items: Sequence[Ref], *, by: str, use: Equipment
) -> Plan:
    """Return the plan with its prompt written out and judged once more.

    A prompt that is long enough stays as it is, and so does one that nobody can write out at the
    moment: that is a warning in the log.

    Args:
        plan: What was decided.
        request: What was asked.
        items: Prepared conditioning files, in the order of the plan's items.
        by: Identity of the expander.
        use: The blocks of the run.

    Raises:
        Refused: The expansion asks for what must not be made.
        Misconfigured: It could not be judged, so it does not pass either.
    """
    if not use.expander.takes(plan.prompt):
        return plan
    expansion = settle_prompt(
        ExpansionWork(text=plan.prompt, seed=plan.seed, conditioned=bool(items)),
        item=items[0] if begins_with_its_only_item(request) else None,
        by=by,
        expander=use.expander,
        store=use.store,
    )
    if expansion.by is None:
        return plan
    requested = request.enable_safety_checker
    screen_prompt(
        text=expansion.text,
        judge=use.safety.prompt_identity(requested=requested),
        requested=requested,
        expanded=True,
        safety=use.safety,
        store=use.store,
    )
    return plan.with_prompt(expansion.text, by=expansion.by)
