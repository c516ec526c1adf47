"""What goes wrong on the wire, in words."""

from __future__ import annotations

import ssl

import httpcore

from blocks.internet.errand import Errand

BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


def reason_of(error: Exception, errand: Errand) -> str:
    """Say what went wrong on the wire in the caller's words."""
    if isinstance(error, httpcore.ConnectTimeout) and errand.seconds_left > 0:
        seconds = errand.limits.connect_timeout_seconds
        return f"no connection within {seconds:g} seconds; check the address"
    if isinstance(error, httpcore.TimeoutException):
        seconds = errand.limits.timeout_seconds
        return f"not finished within {seconds:g} seconds; use a faster server or a smaller file"
    if isinstance(error, httpcore.ProtocolError):
        return "the server broke off or does not speak HTTP; check the address"
    cause = error.__context__  # not __cause__, which the pool's `raise ... from None` clears
    if isinstance(cause, ssl.SSLError):
        return f"no secure connection ({cause.reason}); check the address"
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return f"{said[:1].lower()}{said[1:]}; check the address"
