"""Settle which text a run works with."""

from __future__ import annotations

from datetime import timedelta

from prefect.runtime import flow_run

from blocks.media_store import MediaStore
from blocks.prompt_expander import PromptExpander
from ltxv.expansion import Expansion, ExpansionWork
from ltxv.refs import Ref
from tasks.describe_item import Description, describe_item
from tasks.expand_prompt import expand_prompt
from tasks.ledger import current_ledger
from tasks.stage import stage


def settle_prompt(
    work: ExpansionWork, *, item: Ref | None, by: str, expander: PromptExpander, store: MediaStore
) -> Expansion:
    """Have a prompt written out, or leave it as it is if nobody can do so at the moment.

    Either way it stays so for this run: one that is resumed, or waits for a choice of drafts,
    goes on with the text it began with.

    Args:
        work: The prompt, the seed, and whether there are pictures or clips.
        item: The prepared item that the video begins with; None if there is no such one.
        by: Identity of who writes it out, ``PromptExpander.identity``.
        expander: Who writes it out.
        store: Where the text is kept.
    """
    settled = settled_in_run(
        work=work,
        item=item,
        by=by,
        run=str(flow_run.get_id()),
        expander=expander,
        store=store,
    )
    if "expand_prompt" not in current_ledger().records:
        current_ledger().enter("expand_prompt", "cached", 0)
    return settled


@stage(key=["work", "item", "by", "run"], timeout=timedelta(hours=1))
def settled_in_run(
    *,
    work: ExpansionWork,
    item: Ref | None,
    by: str,
    run: str,  # noqa: ARG001 - part of the key
    expander: PromptExpander,
    store: MediaStore,
) -> Expansion:
    """Return the text for this run; what a language model wrote is shared with other runs.

    Args:
        work: As ``settle_prompt``.
        item: As ``settle_prompt``.
        by: As ``settle_prompt``.
        run: Id of the flow run.
        expander: Who writes it out.
        store: Where the text is kept.
    """
    captioner = expander.captioner
    if captioner is not None and item is not None:
        described = describe_item.or_else(
            Description(text=""),
            item=item,
            by=captioner.identity,
            captioner=captioner,
            store=store,
        )
        work = work.model_copy(update={"description": described.text})
    unchanged = Expansion(text=work.text, by=None)
    return expand_prompt.or_else(unchanged, work=work, by=by, expander=expander, store=store)
