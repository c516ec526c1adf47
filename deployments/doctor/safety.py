"""The safety checker: whether it and its moderator judge at all."""

from __future__ import annotations

import numpy as np

from deployments.doctor.check import Finding, Findings
from deployments.doctor.house import House

_HARMLESS = "a cat looks up"


def check_safety(house: House) -> Findings:
    """Have one grey frame judged and, if there is a moderator, one prompt; both must pass."""
    found = Findings()
    moderator = None
    with found.of("safety", remedy="run `make install`"):
        checker = house.safety_block()
        moderator = checker.moderator
        verdict = checker.screen(np.full((1, 64, 64, 3), 128, np.uint8))
        detail = f"a grey frame scores {verdict.highest:.2f}, refused at {checker.refuse_at:g}"
        if verdict.refused:
            remedy = "raise refuse_at of the SafetyChecker block; every clip would be refused"
            found.append(Finding("safety", "failed", detail, remedy))
        else:
            found.ok("safety", detail)
    if moderator is not None:
        with found.of("moderator", remedy="check the moderator's block"):
            refused = moderator.judge(_HARMLESS).refused
            detail = f"{moderator.model} {'refused' if refused else 'passed'} {_HARMLESS!r}"
            if refused:
                remedy = "choose another model in the moderator's block"
                found.append(Finding("moderator", "failed", detail, remedy))
            else:
                found.ok("moderator", detail)
    return found
