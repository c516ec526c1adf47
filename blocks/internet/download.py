"""Fetch what a URL names, following redirects one checked hop at a time."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

import httpcore

from blocks.internet.connect import CheckedBackend
from blocks.internet.data_uri import is_data_uri, unpack
from blocks.internet.errand import Errand, FetchLimits
from blocks.internet.fault import BROKEN, reason_of
from blocks.internet.intake import Fetched, Intake, intake
from blocks.internet.location import host_header, locate
from ltxv import __version__
from ltxv.errors import Loc

_HEADERS = (
    (b"User-Agent", f"ltx-flows/{__version__}".encode()),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),  # a compressed body can be a bomb, and media gains nothing
)
_REDIRECTS = (301, 302, 303, 307, 308)
_WORTH_ANOTHER_TRY = (408, 425, 429)


def fetch(url: str, target: Path, *, limits: FetchLimits, loc: Loc) -> Fetched:
    """Bring the bytes behind ``url`` into the file ``target``.

    Proxies of the environment, cookies and credentials are not used, and a redirect from https to
    plain http is refused: who asked for https should not get a file that anyone on the way
    could have replaced.

    Args:
        url: An http, https or data URL that a stranger sent.
        target: File to make or replace; its folder exists. Untouched on failure.
        limits: How much the transfer may cost.
        loc: Field of the request that holds the URL, for the errors.

    Raises:
        Refused: The URL is not allowed or does not lead to a file; ``file_download_error``, or
            ``file_too_large`` beyond ``limits.max_bytes``.
        Transient: The network or the server failed; carries the violation to show in the end.
        Misconfigured: The file cannot be written.
    """
    errand = Errand.start(url.strip(), loc=loc, limits=limits)
    with intake(target, errand) as file:
        if is_data_uri(errand.url):
            return file.fetched(unpack(errand, file))
        try:
            return file.fetched(_download(errand, file))
        except BROKEN as error:
            raise errand.failed(reason_of(error, errand)) from error


def _download(errand: Errand, file: Intake) -> str:
    """Write the body at the end of all redirects to ``file`` and return its declared type."""
    url, hops = errand.url, errand.limits.max_redirects
    extensions = {"timeout": {"connect": errand.limits.connect_timeout_seconds}}
    with httpcore.ConnectionPool(network_backend=CheckedBackend(errand)) as pool:
        for _ in range(hops + 1):
            place = locate(url, errand)
            headers = [(b"Host", host_header(place)), *_HEADERS]
            with pool.stream("GET", place, headers=headers, extensions=extensions) as response:
                if response.status not in _REDIRECTS:
                    return _receive(response, errand, file)
                url = _next_url(url, response, errand)
    raise errand.refused(f"it redirects more than {hops} times; send the final address")


def _next_url(url: str, response: httpcore.Response, errand: Errand) -> str:
    onward = _header(response, b"location")
    if not onward:
        raise errand.refused(
            f"the server answered {_status(response)} without an address; send the final address"
        )
    try:
        joined = urljoin(url, onward)
    except ValueError as error:
        raise errand.refused("it redirects to no URL; send the final address") from error
    if not joined.lower().startswith(("http://", "https://")):
        raise errand.refused("it redirects away from http and https; send the final address")
    if url[:6].lower() == "https:" and joined[:5].lower() == "http:":
        raise errand.refused("it redirects from https to plain http; send the final address")
    return joined


def _receive(response: httpcore.Response, errand: Errand, file: Intake) -> str:
    _check_status(response, errand)
    encoding = _header(response, b"content-encoding").lower()
    if encoding not in ("", "identity"):
        raise errand.refused(f"the server sent it {encoding}-encoded; serve the file as it is")
    declared = _header(response, b"content-length")
    if declared.isdecimal():
        file.expect(int(declared))
    for chunk in response.iter_stream():
        file.write(chunk)
    return _header(response, b"content-type")


def _check_status(response: httpcore.Response, errand: Errand) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    said = f"the server answered {_status(response)}"
    if status in _WORTH_ANOTHER_TRY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise errand.failed(f"{said}; try again later", status=status)
    raise errand.refused(
        f"{said}; check the address, and that it opens without a login", status=status
    )


def _status(response: httpcore.Response) -> str:
    """Return the code with its usual name; the server's own words could be anything."""
    try:
        return f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return str(response.status)


def _header(response: httpcore.Response, name: bytes) -> str:
    values = [value for key, value in response.headers if key.lower() == name]
    return values[0].decode(errors="replace").strip() if values else ""
