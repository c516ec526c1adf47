"""The safety checker: whether it judges at all."""

from __future__ import annotations

import numpy as np

from deployments.doctor.check import Finding, Findings
from deployments.doctor.house import House


def check_safety(house: House) -> Findings:
    """Have one grey frame judged, which must pass."""
    found = Findings()
    with found.of("safety", remedy="run `make install`"):
        checker = house.safety_block()
        verdict = checker.screen(np.full((1, 64, 64, 3), 128, np.uint8))
        detail = f"a grey frame scores {verdict.highest:.2f}, refused at {checker.refuse_at:g}"
        if verdict.refused:
            remedy = "raise refuse_at of the SafetyChecker block; every clip would be refused"
            found.append(Finding("safety", "failed", detail, remedy))
        else:
            found.ok("safety", detail)
    return found
