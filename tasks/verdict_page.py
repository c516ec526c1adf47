"""A verdict as the operator reads it."""

from __future__ import annotations

from collections.abc import Mapping

from ltxv.safety import Verdict


def refused_page(verdict: Verdict) -> str:
    """Return why something was refused as Markdown: a count, then the score of every frame."""
    rows = "\n".join(
        f"| {number} | {score:.3f} | {'refused' if number in verdict.frames else ''} |"
        for number, score in enumerate(verdict.scores)
    )
    return f"""\
# {len(verdict.frames)} of {len(verdict.scores)} frames refused, highest score {verdict.highest:.3f}

| frame | score | |
|---|---|---|
{rows}
"""


def passed_page(verdicts: Mapping[str, Verdict], *, refuse_at: float) -> str:
    """Return what was said about all that passed: a line for each, with its worst frame.

    Args:
        verdicts: What was judged, by a name for it; nothing if the run went unchecked.
        refuse_at: Score from which a frame would have been refused.
    """
    if not verdicts:
        return """\
# Not checked

The request asked for no safety check, and the LTX Safety Checker block allows that.
"""
    rows = "\n".join(
        f"| {name} | {len(verdict.scores)} | {verdict.highest:.3f} "
        f"| {verdict.scores.index(verdict.highest)} |"
        for name, verdict in verdicts.items()
    )
    worst = max(verdict.highest for verdict in verdicts.values())
    return f"""\
# Passed, highest score {worst:.3f}

| what | frames | highest score | at frame |
|---|---|---|---|
{rows}

A frame is refused from {refuse_at:g} on.
"""
