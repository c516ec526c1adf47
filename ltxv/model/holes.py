"""Weights that lack something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltxv.errors import Misconfigured


def refuse_holes(info: Mapping[str, Any]) -> None:
    """Refuse weights with holes: the loaders fill them with random numbers and a log line.

    Args:
        info: What a loader says with ``output_loading_info``.

    Raises:
        Misconfigured: Weights are missing or of another shape.
    """
    for problem in ("missing_keys", "mismatched_keys", "error_msgs"):
        found = sorted(str(entry) for entry in info.get(problem, ()))
        if found:
            raise Misconfigured(
                f"its weights have {len(found)} {problem.replace('_', ' ')}, first {found[0]}; "
                "the file belongs to another model or is incomplete"
            )
