"""Bytes sent to an address that a stranger named, under the rules for fetching from one."""

from __future__ import annotations

from collections.abc import Mapping

import httpcore

from blocks.internet.connect import CheckedBackend
from blocks.internet.errand import Errand, FetchLimits
from blocks.internet.fault import BROKEN, reason_of
from blocks.internet.location import host_header, locate
from ltxv.errors import Loc


def post(
    url: str, content: bytes, *, headers: Mapping[str, str], limits: FetchLimits, loc: Loc
) -> int:
    """Send bytes to an http or https address, and return the status of the answer.

    Redirects are not followed, and the answer's body is not read.

    Args:
        url: Where to.
        content: The body.
        headers: Besides ``Host`` and ``Content-Length``.
        limits: How much it may cost, and which hosts may have a private address.
        loc: What names the address, for the refusal.

    Raises:
        Refused: The address is not allowed.
        Transient: The network or the server failed.
    """
    errand = Errand.start(url.strip(), loc=loc, limits=limits, done="delivered")
    place = locate(errand.url, errand)
    sent = [
        (b"Host", host_header(place)),
        (b"Content-Length", str(len(content)).encode()),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ]
    extensions = {"timeout": {"connect": limits.connect_timeout_seconds}}
    try:
        with (
            httpcore.ConnectionPool(network_backend=CheckedBackend(errand)) as pool,
            pool.stream(
                "POST", place, headers=sent, content=content, extensions=extensions
            ) as response,
        ):
            return response.status
    except BROKEN as error:
        raise errand.failed(reason_of(error, errand)) from error


def check_target(url: str, *, limits: FetchLimits, loc: Loc) -> None:
    """Refuse an address that nothing could ever be sent to; names are looked up when it is.

    Raises:
        Refused: It is no http or https URL, or a private address.
    """
    errand = Errand.start(url.strip(), loc=loc, limits=limits, done="delivered")
    place = locate(errand.url, errand)
    CheckedBackend(errand).refuse_private_number(place.host.decode(), place.port or 0)
