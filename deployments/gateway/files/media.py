"""A file as the answer to a request, whole or a range of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from deployments.gateway.failures import Failure

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
_SHOWN = ("image/", "video/", "audio/")
"""What browsers show and do not run; all else is to be saved."""


@dataclass(frozen=True)
class Medium:
    """A file that is to be sent."""

    name: str
    content_type: str
    size: int
    etag: str
    """Changes with the bytes; without quotes."""
    chunks: Callable[[int, int], Iterator[bytes]]
    """Yields the bytes from the first number up to the second."""


async def answer(medium: Medium, request: Request) -> Response:
    """Send a file, or the range of it that is asked for.

    Raises:
        Failure: The range is outside of it, or the file is gone.
    """
    headers = _headers(medium)
    if _names(request.headers.get("if-none-match", ""), medium):
        return Response(status_code=304, headers=headers)
    start, stop = _range(medium, request)
    part = (start, stop) != (0, medium.size)
    headers["content-length"] = str(stop - start)
    if part:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{medium.size}"
    if request.method == "HEAD":
        return Response(status_code=206 if part else 200, headers=headers)
    chunks = medium.chunks(start, stop)
    try:
        first = await to_thread.run_sync(next, chunks, b"")
    except FileNotFoundError as error:
        raise no_file() from error
    return StreamingResponse(
        _from(first, chunks), status_code=206 if part else 200, headers=headers
    )


def no_file() -> Failure:
    """Return the failure of a file that is not there, or not there for this caller."""
    said = "there is no such file, or its time is over"
    return Failure(404, said, error_type="not_found")


def _from(first: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from more


def _headers(medium: Medium) -> dict[str, str]:
    shown = medium.content_type.startswith(_SHOWN)
    name = quote(medium.name, safe="")
    return {
        "content-type": medium.content_type,
        "content-disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}",
        "accept-ranges": "bytes",
        "etag": f'"{medium.etag}"',
        "cache-control": "private, max-age=60",
        # Whatever a file says it is, a browser neither guesses nor runs it.
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "cross-origin",
        "referrer-policy": "no-referrer",
    }


def _names(tags: str, medium: Medium) -> bool:
    told = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return medium.etag in told or "*" in told


def _range(medium: Medium, request: Request) -> tuple[int, int]:
    """Return where to start and to stop; several ranges, or nonsense, are answered by all of it."""
    whole = (0, medium.size)
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or asked[0] == "bytes=-":
        return whole
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip('"') != medium.etag:
        return whole
    if asked[1]:
        start = int(asked[1])
        stop = min(int(asked[2]) + 1, medium.size) if asked[2] else medium.size
    else:
        start, stop = max(medium.size - int(asked[2]), 0), medium.size
    if asked[1] and asked[2] and int(asked[2]) < start:
        return whole
    if start >= medium.size or start >= stop:
        raise Failure(
            416,
            f"the file has {medium.size} bytes; ask for a range of those",
            error_type="bad_request",
            headers={"content-range": f"bytes */{medium.size}"},
        )
    return start, stop
