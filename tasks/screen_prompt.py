"""Keep texts that ask for what must not be made from reaching a GPU."""

from __future__ import annotations

from datetime import timedelta

from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from ltxv.errors import Refused
from ltxv.prompt_rules import PromptVerdict
from tasks.stage import stage
from tasks.tell_operator import tell_operator


def screen_prompt(
    *,
    text: str,
    judge: str,
    requested: bool,
    expanded: bool = False,
    safety: SafetyChecker,
    store: MediaStore,
) -> PromptVerdict:
    """Let a text pass if nothing is wrong with it.

    Args:
        text: The prompt.
        judge: Identity of what judges it, ``SafetyChecker.prompt_identity``.
        requested: The request's ``enable_safety_checker``.
        expanded: Whether a language model wrote it.
        safety: Who judges it.
        store: Where the verdict is kept.

    Raises:
        Refused: ``content_policy_violation``.
        Misconfigured: It could not be judged, so it does not pass either.
    """
    verdict = judge_prompt(text=text, judge=judge, requested=requested, safety=safety, store=store)
    if verdict.refused:
        # Not for the caller, who could use it to feel for the rules.
        named = ", ".join(verdict.categories)
        what = "expanded prompt" if expanded else "prompt"
        get_run_logger().warning("the %s is refused by %s: %s", what, verdict.by, named)
        tell_operator(
            f"# {what.capitalize()} refused\n\n| judge | categories |\n|---|---|\n"
            f"| {verdict.by} | {named} |\n",
            key="prompt-refused",
        )
        raise Refused.because(
            ("prompt",),
            f"the {what} was refused by the safety check; change it"
            + (", or send expand_prompt false" if expanded else ""),
            type="content_policy_violation",
        )
    return verdict


@stage("screen_prompt", key=["text", "judge"], timeout=timedelta(minutes=5))
def judge_prompt(
    *,
    text: str,
    judge: str,  # noqa: ARG001 - part of the key
    requested: bool,
    safety: SafetyChecker,
    store: MediaStore,  # noqa: ARG001 - where the verdict is kept
) -> PromptVerdict:
    """Judge a text; what was judged once, whatever was said, is not judged again.

    Args:
        text: The prompt.
        judge: Identity of what judges it.
        requested: The request's ``enable_safety_checker``.
        safety: Who judges it.
        store: Where the verdict is kept.

    Raises:
        Misconfigured: It could not be judged.
    """
    return safety.screen_prompt(text, requested=requested)
