"""Write a short prompt out with a language model."""

from __future__ import annotations

from datetime import timedelta

from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from blocks.prompt_expander import PromptExpander
from ltxv.expansion import Expansion, ExpansionWork
from tasks.stage import stage


@stage("expand_prompt", key=["work", "by"], timeout=timedelta(minutes=15), retries=1)
def expand_prompt(
    *,
    work: ExpansionWork,
    by: str,  # noqa: ARG001 - part of the key
    expander: PromptExpander,
    store: MediaStore,  # noqa: ARG001 - where the expansion is kept
) -> Expansion:
    """Have a prompt written out; the same prompt with the same seed stays written out so.

    Args:
        work: The prompt, the seed, and what is known of the first frame.
        by: Identity of who does it, ``PromptExpander.identity``.
        expander: Who does it.
        store: Where the expansion is kept.

    Raises:
        Transient: The language model is away, busy or too slow.
        Misconfigured: It cannot be used, or its answer is no prompt.
    """
    expansion = expander.expand(work)
    get_run_logger().info("the prompt is written out as: %s", expansion.text)
    return expansion
