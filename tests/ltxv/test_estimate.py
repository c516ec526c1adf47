"""The cost formulas against published counts of the true architecture."""

from __future__ import annotations

import pytest

from ltxv.estimate import PassLoad, estimate, forward_flops


@pytest.mark.parametrize(
    ("tokens", "tflops"),
    [(6240, 173.4), (24960, 1058.7), (5824, 160.0), (23296, 957.7), (3600, 92.9), (14400, 491.5)],
)
def test_forwards_cost_what_was_counted(tokens: int, tflops: float) -> None:
    """One forward's work agrees with a count over the real modules to half a percent."""
    assert forward_flops(tokens) / 1e12 == pytest.approx(tflops, rel=5e-3)


def test_the_default_request_costs_what_was_counted() -> None:
    """720p with 121 frames is 4.39 PFLOP in the transformer and a little over that in all."""
    whole = estimate(
        PassLoad(forwards=7, tokens=6240, item_pixels=0),
        PassLoad(forwards=3, tokens=24960, item_pixels=0),
        decoded_pixels=1664 * 960 * 121,
    )
    assert whole.tflops == pytest.approx(4390 + 244.6 + 3.8 + 2.4, rel=5e-3)
    assert whole.gpu_seconds == pytest.approx(whole.tflops / (989 * 0.5), rel=1e-3)
    assert 38.4e9 / 2**30 < whole.gpu_memory_gib < 80


def test_conditioning_costs_its_encoding() -> None:
    """Encoding a 121-frame clip for the second pass is published as 568 TFLOP."""
    loads = [PassLoad(forwards=0, tokens=0, item_pixels=pixels) for pixels in (0, 1664 * 960 * 121)]
    without, with_clip = (estimate(loads[0], second, decoded_pixels=0).tflops for second in loads)
    assert with_clip - without == pytest.approx(568, rel=1e-3)
