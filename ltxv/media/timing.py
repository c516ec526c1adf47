"""When the frames of a clip are shown, and the steady rate that shows them as long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

# Matroska's times are whole milliseconds; a stated rate may be that far from the measured one.
_ROUNDING = Fraction(2, 1000)
_LIKENESS = Fraction(1, 100)

_UNEVEN = Fraction(3, 2)
"""Frames of a clip with a steady rate jitter; one that lasts half as long again was held."""

_FASTEST = Fraction(1, 60)
_STRAY = 20
"""One in so many gaps may be shorter than the tick: recorders stumble."""


@dataclass(frozen=True)
class Timing:
    """Frames at a steady rate.

    Attributes:
        frames: How many.
        rate: How many a second; 0 if there is no telling.
        held: Whether these are not the clip's own frames, but what is to be seen at each tick:
            some of its frames last longer than others, and are counted for each tick they last.
    """

    frames: int
    rate: Fraction
    held: bool = False


def timing(
    starts: Sequence[Fraction], *, last: Fraction, stated: Fraction, animated: bool = False
) -> Timing:
    """Return a clip's own frames and rate, or those it is to be brought to if they are uneven.

    The stated rate is taken where the frames bear it out, since containers round times; it is a
    guess where the recorder stated none.

    Args:
        starts: When each frame is shown, in seconds, in that order.
        last: For how long the last one is; 0 if unknown.
        stated: Average rate that the container states; 0 if none.
        animated: Whether the last frame's time is meant as those of the others are; what a clip
            states of its last frame is often a guess.
    """
    frames, span = len(starts), starts[-1] - starts[0] if starts else Fraction(0)
    if frames < 2:  # noqa: PLR2004 - no gap
        return Timing(frames, stated or (1 / last if last else Fraction(0)))
    gaps = sorted(later - start for start, later in pairwise(starts))
    if animated:
        gaps = sorted([*gaps, last])
    shortest = max(gaps[len(gaps) // _STRAY], _FASTEST)
    if gaps[-1] > shortest * _UNEVEN + _ROUNDING:
        usual = [gap for gap in gaps if shortest <= gap <= shortest * _UNEVEN]
        tick = sum(usual, Fraction(0)) / len(usual) if usual else shortest
        return Timing(round((span + (last or tick)) / tick), 1 / tick, held=True)
    if not span:
        return Timing(frames, Fraction(0))
    between = frames - 1
    if stated and abs(between / stated - span) <= span * _LIKENESS + _ROUNDING:
        return Timing(frames, stated)
    return Timing(frames, between / span)
