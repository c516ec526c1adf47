"""Four hosts behind one port.

The hosted service has a host for each of its jobs. A client reaches them here by a Host header (the
name is resolved to this machine), by a path prefix, or through ``x-fal-target-url`` (the clients'
proxy mode). All three lead to the same prefix inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.gateway.failures import Failure

Door = Literal["queue", "run", "rest", "media"]

TARGET = "x-fal-target-url"

_HOSTS: Mapping[str, Door] = {
    "queue.fal.run": "queue",
    "queue.falrun.com": "queue",
    "fal.run": "run",
    "falrun.com": "run",
    "rest.fal.ai": "rest",
    "rest.alpha.fal.ai": "rest",
    "v3.fal.media": "media",
    "fal.media": "media",
}
_NAMES: Mapping[Door, str] = {
    "queue": "queue.fal.run",
    "run": "fal.run",
    "rest": "rest.fal.ai",
    "media": "v3.fal.media",
}


def address_of(request: Request, door: Door) -> str:
    """Return the address of one of the hosts as this caller reaches it, without a slash.

    Args:
        request: The request that is being answered.
        door: Which host.
    """
    if request.scope.get("ltx.named"):
        return f"{request.url.scheme}://{_NAMES[door]}"
    public = request.app.state.house.public_address
    base = public or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base.rstrip('/')}/{door}"


class Hosts:
    """Lead each request to the prefix of the host it is meant for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change the path; a target elsewhere is refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            led = _led(scope)
        except Failure as failure:
            await failure.response()(scope, receive, send)
            return
        await self._app(led, receive, send)


def _led(scope: Scope) -> Scope:
    headers = Headers(scope=scope)
    target = headers.get(TARGET)
    if target is not None and scope["method"] != "OPTIONS":
        return _to_target(scope, target)
    door = _HOSTS.get(headers.get("host", "").lower().partition(":")[0])
    path = scope["path"].rstrip("/") or "/"
    if door is None:
        return {**scope, "path": path}
    return {**scope, "path": f"/{door}{path}".rstrip("/"), "ltx.named": True}


def _to_target(scope: Scope, target: str) -> Scope:
    try:
        parts = urlsplit(target)
        door = _HOSTS.get((parts.hostname or "").lower())
    except ValueError:
        door, parts = None, urlsplit("")
    if door is None or parts.scheme not in ("http", "https"):
        raise Failure(
            412,
            f"{TARGET} must be an address of the hosted service, such as "
            "https://queue.fal.run/fal-ai/…",
            error_type="bad_request",
        )
    path = f"/{door}{unquote(parts.path).rstrip('/')}"
    return {
        **scope,
        "path": path,
        "raw_path": path.encode(),
        "query_string": parts.query.encode("latin-1", "replace"),
    }
