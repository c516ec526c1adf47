"""A verdict as the operator reads it."""

from __future__ import annotations

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
