"""A Prefect server on SQLite that is busy has time again in a moment."""

from __future__ import annotations

from http import HTTPStatus

import httpx

_SECONDS = 0.25
_TIMES = 4
"""Each time it is waited for so many times as long."""
_TRIED = "ltx.tried"


async def ask_again_soon(response: httpx.Response) -> None:
    """Have Prefect's client wait less than its two seconds after a 503, by a header it goes by.

    Args:
        response: What the server answered; to be called for each.
    """
    if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        return
    tried = response.request.extensions.get(_TRIED, 0)
    response.request.extensions[_TRIED] = tried + 1
    response.headers.setdefault("retry-after", str(_SECONDS * _TIMES**tried))
