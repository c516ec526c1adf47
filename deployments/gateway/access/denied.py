"""Why a request is turned away at the door."""

from __future__ import annotations

from deployments.gateway.failures import Failure


def unauthorized(said: str) -> Failure:
    """Return the failure of a request without a valid key."""
    headers = {"www-authenticate": "Key"}
    return Failure(401, said, error_type="unauthorized", headers=headers)


def forbidden(said: str) -> Failure:
    """Return the failure of what this caller may not do at all."""
    return Failure(403, said, error_type="forbidden")


def too_much(said: str, *, error_type: str, again_in: int) -> Failure:
    """Return the failure of what this caller may do later; both clients try again themselves."""
    headers = {"retry-after": str(max(1, again_in))}
    return Failure(429, said, error_type=error_type, headers=headers)
