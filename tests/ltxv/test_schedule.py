"""The sigma tables against the published ones (the reference's, four decimals)."""

from __future__ import annotations

import itertools

import pytest

from ltxv.schedule import linear_quadratic, pass_sigmas

PUBLISHED = {
    1: [1],
    2: [1, 0.975],
    4: [1, 0.9875, 0.975, 0.725],
    5: [1, 0.9875, 0.975, 0.8583, 0.5333],
    6: [1, 0.9917, 0.9833, 0.975, 0.8611, 0.5361],
    7: [1, 0.9917, 0.9833, 0.975, 0.9078, 0.7229, 0.4203],
    8: [1, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875],
    9: [1, 0.99375, 0.9875, 0.98125, 0.975, 0.931, 0.8115, 0.6165, 0.346],
    10: [1, 0.995, 0.99, 0.985, 0.98, 0.975, 0.932, 0.813, 0.618, 0.347],
    12: [
        *[1, 0.9958, 0.9917, 0.9875, 0.9833, 0.9792],
        *[0.975, 0.9444, 0.8611, 0.725, 0.5361, 0.2944],
    ],
}


@pytest.mark.parametrize("steps", PUBLISHED)
def test_tables_are_the_published_ones(steps: int) -> None:
    """Every published table is met to its last decimal."""
    assert linear_quadratic(steps) == pytest.approx(PUBLISHED[steps], abs=6e-5)


def test_the_defaults_make_seven_and_three_forwards() -> None:
    """8 steps without the last, and 8 without the first 5, are the distilled model's tables."""
    first = pass_sigmas(8, skip_final=1)
    second = pass_sigmas(8, skip_initial=5)
    assert first == pytest.approx([1.0, 0.9937, 0.9875, 0.9812, 0.9750, 0.9094, 0.7250], abs=1e-4)
    assert second == pytest.approx([0.9094, 0.7250, 0.4219], abs=1e-4)


@pytest.mark.parametrize("steps", range(2, 21))
def test_every_legal_table_falls_inside_the_open_end(steps: int) -> None:
    """Sigmas fall strictly from 1 and never reach 0, for every number of steps and every skip."""
    whole = linear_quadratic(steps)
    assert len(whole) == steps
    assert whole[0] == 1
    assert all(earlier > later > 0 for earlier, later in itertools.pairwise(whole))
    for skip in range(steps):
        assert pass_sigmas(steps, skip_final=skip) == whole[: steps - skip]
        assert pass_sigmas(steps, skip_initial=skip) == whole[skip:]
