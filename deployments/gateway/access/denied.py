"""Requests that are turned away at the door, in the endpoint's flat shape."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import HTTPException, Request
from starlette.responses import JSONResponse, Response


class Denied(HTTPException):
    """The caller may not do this, or not now.

    Args:
        status: HTTP status.
        said: The reason and the remedy, for the caller.
        error_type: What a program tells it by.
        headers: Of the answer.
    """

    def __init__(
        self,
        status: int,
        said: str,
        *,
        error_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail=said, headers=dict(headers or {}))
        self.error_type = error_type


def unauthorized(said: str) -> Denied:
    """Return the denial of a request without a valid key."""
    headers = {"www-authenticate": "Key"}
    return Denied(401, said, error_type="unauthorized", headers=headers)


def forbidden(said: str) -> Denied:
    """Return the denial of what this caller may not do at all."""
    return Denied(403, said, error_type="forbidden")


def too_much(said: str, *, error_type: str, again_in: int) -> Denied:
    """Return the denial of what this caller may do later.

    Both clients try again by themselves.
    """
    headers = {
        "retry-after": str(max(1, again_in)),
        "x-fal-needs-retry": "1",
        "x-fal-retryable": "true",
    }
    return Denied(429, said, error_type=error_type, headers=headers)


async def answer_denied(request: Request, denied: Exception) -> Response:  # noqa: ARG001
    """Answer a request that was denied; to be registered for ``Denied``."""
    if not isinstance(denied, Denied):
        raise denied
    content = {
        "detail": denied.detail,
        "message": denied.detail,
        "error_type": denied.error_type,
    }
    headers = {**(denied.headers or {}), "x-fal-error-type": denied.error_type}
    return JSONResponse(content, status_code=denied.status_code, headers=headers)
