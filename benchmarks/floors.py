"""The least a GPU can take, worked out from the sizes alone. Computed, never measured."""

from __future__ import annotations

from ltxv.estimate import ModelShape, forward_flops
from ltxv.plan import Plan

_PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12}
"""Dense bf16 operations a second, the vendor's figures without sparsity."""


def peak_flops(gpu: str) -> float | None:
    """Return a GPU's peak rate in bf16 by its name, None if it is not known here."""
    return next((peak for name, peak in _PEAKS.items() if name in gpu), None)


def stage_flops(plan: Plan, shape: ModelShape) -> dict[str, float]:
    """Return the floating-point work of every stage that has much of it."""
    passes = {"first_pass": plan.first_pass, "second_pass": plan.second_pass}
    second = plan.second_pass
    return {
        **{
            name: len(side.sigmas) * forward_flops(side.tokens, shape=shape)
            for name, side in passes.items()
        },
        "decode": second.width * second.height * plan.padded_frames * shape.decode_flops,
    }
