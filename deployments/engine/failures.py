"""Errors of a stage as an event's JSON."""

from __future__ import annotations

from typing import Any

from ltxv.errors import EngineFault, LTXError, Refused, Transient


def failure_of(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON; one that nobody raised on purpose is a fault of the engine."""
    if isinstance(error, Refused):
        wrong = [
            {"loc": list(one.loc), "msg": one.msg, "type": one.type, "ctx": dict(one.ctx)}
            for one in error.violations
        ]
        return {"error": "Refused", "violations": wrong}
    if isinstance(error, Transient | LTXError) and not isinstance(error, EngineFault):
        name = "Transient" if isinstance(error, Transient) else "Misconfigured"
        return {"error": name, "message": str(error)}
    return {"error": "EngineFault", "message": str(error) or type(error).__name__}
