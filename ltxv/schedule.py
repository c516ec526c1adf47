"""Which sigmas a pass runs at."""

from __future__ import annotations

_THRESHOLD = 0.025
"""How far the linear half falls below 1 (Lightricks/LTX-Video, ``schedulers/rf.py``)."""


def linear_quadratic(steps: int) -> tuple[float, ...]:
    """Return the linear-quadratic table: ``steps`` sigmas falling from 1.

    The first half falls linearly to 1 - 0.025, the second quadratically towards 0, with the same
    slope where they meet. Eight steps give 1, .99375, .9875, .98125, .975, .909375, .725, .421875.
    """
    if steps == 1:
        return (1.0,)
    linear = steps // 2
    quadratic = steps - linear
    slope = _THRESHOLD / linear
    bend = (1 - _THRESHOLD - slope * quadratic) / quadratic**2
    falls = [slope * step for step in range(linear)]
    falls += [_THRESHOLD + slope * step + bend * step**2 for step in range(quadratic)]
    return tuple(1 - fall for fall in falls)


def pass_sigmas(steps: int, *, skip_initial: int = 0, skip_final: int = 0) -> tuple[float, ...]:
    """Return the sigmas of one pass, one forward each.

    Skipping final steps does not stop early: the last step kept goes straight to 0.
    """
    return linear_quadratic(steps)[skip_initial : steps - skip_final]
