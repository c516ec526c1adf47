"""Repeats that a busy machine treats alike."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def interleaved(
    arms: Mapping[str, Callable[[], T]], repeats: int, *, tell: bool = False
) -> dict[str, list[T]]:
    """Run every arm ``repeats`` times in rounds (A B C, C B A, A B C) and return all outcomes.

    Args:
        arms: What is run, by name.
        repeats: How often.
        tell: Whether to say on stderr what comes next.
    """
    found: dict[str, list[T]] = {name: [] for name in arms}
    for number in range(repeats):
        for name in sorted(arms, reverse=bool(number % 2)):
            if tell:
                print(f"round {number + 1} of {repeats}: {name}", file=sys.stderr, flush=True)
            found[name].append(arms[name]())
    return found


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def spread(values: Iterable[float]) -> str:
    """Return median and range, such as ``1.20 (1.10 to 1.40)``."""
    seen = sorted(values)
    return f"{median(seen):.2f} ({seen[0]:.2f} to {seen[-1]:.2f})"
