"""A URL taken apart once, strictly, so that what is checked is what is opened."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

import httpcore

from blocks.internet.errand import Errand

_SCHEME_PORTS = {"http": 80, "https": 443}
_ALLOWED = "send an http, https or data URL"
_FIRST_FREE_PORT = 1024
_LAST_PORT = 65535
_MAX_LENGTH = 8192
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NUMERIC_6 = re.compile(r"[0-9A-Fa-f:.]+")
# Everything RFC 3986 lets stand in a path or a query; "%" keeps escapes that are there already.
_AS_THEY_ARE = "/?%:@!$&'()*+,;=-._~"


def locate(url: str, errand: Errand) -> httpcore.URL:
    """Return the place that an http or https URL names.

    Ports are 80, 443 and everything from 1024 on: the others belong to other protocols, and a
    stranger has no business making us talk to a mail server. A trusted host may use any port.

    Raises:
        Refused: Another scheme, credentials, control characters, or not a URL at all.
    """
    parts = _split(url, errand)
    if parts.scheme not in _SCHEME_PORTS:
        shown = f"the scheme {parts.scheme!r} is not allowed" if parts.scheme else "it is no URL"
        raise errand.refused(f"{shown}; {_ALLOWED}")
    if "@" in parts.netloc:
        raise errand.refused("the URL has a user name or password in it; send a signed URL instead")
    host = _host(parts, errand)
    port = _port(parts, host, errand)
    target = quote(parts.path or "/", safe=_AS_THEY_ARE)
    if parts.query:
        target += "?" + quote(parts.query, safe=_AS_THEY_ARE)
    return httpcore.URL(
        scheme=parts.scheme.encode(), host=host.encode(), port=port, target=target.encode()
    )


def host_header(place: httpcore.URL) -> bytes:
    """Return the value of the Host header for a place."""
    host = b"[%b]" % place.host if b":" in place.host else place.host
    if place.port in (None, _SCHEME_PORTS[place.scheme.decode()]):
        return host
    return b"%b:%d" % (host, place.port)


def _split(url: str, errand: Errand) -> SplitResult:
    if len(url) > _MAX_LENGTH:
        raise errand.refused(
            f"the URL has {len(url)} characters, more than {_MAX_LENGTH}; send a shorter one"
        )
    if _CONTROL.search(url):
        raise errand.refused("the URL has control characters in it; percent-encode them")
    try:
        url.encode()  # half surrogates, which JSON can name and no encoding has
        return urlsplit(url)
    except ValueError as error:
        raise errand.refused(f"it is no URL ({error}); {_ALLOWED}") from error


def _host(parts: SplitResult, errand: Errand) -> str:
    """Return the host in ASCII; names beyond it in the form the DNS knows them by."""
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        if _NUMERIC_6.fullmatch(host):
            return host
        raise errand.refused("the URL has no valid IPv6 address in brackets; check the address")
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        host = ""
    if not _NAME.fullmatch(host):
        raise errand.refused("the URL has no valid host name; check the address")
    return host


def _port(parts: SplitResult, host: str, errand: Errand) -> int:
    default = _SCHEME_PORTS[parts.scheme]
    try:
        port = default if parts.port is None else parts.port
    except ValueError as error:
        raise errand.refused(
            f"the URL has a port outside 1 to {_LAST_PORT}; check the address"
        ) from error
    usual = port in _SCHEME_PORTS.values() or port >= _FIRST_FREE_PORT
    if not usual and not errand.limits.trust(host, port):
        raise errand.refused(
            f"port {port} is not allowed; use 80, 443 or a port from {_FIRST_FREE_PORT} on"
        )
    return port
