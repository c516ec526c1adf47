"""Connections that go where they were checked to go, and only for as long as they may."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from blocks.internet.address import is_public, resolve
from blocks.internet.errand import Errand
from ltxv.errors import Refused

_UNKNOWN_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class CheckedBackend(httpcore.NetworkBackend):
    """Resolve a name once, check every address, connect to a checked one.

    httpcore keeps using the name for the certificate, SNI and the Host header, so nothing can
    change between the check and the connection but the route of the packets.
    """

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a stream to the first checked address of ``host`` that answers."""
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._checked_addresses(host, port):
            try:
                stream = self._sockets.connect_tcp(
                    address,
                    port,
                    timeout=_within(self._errand, timeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._errand)
        raise failure

    def _checked_addresses(self, host: str, port: int) -> tuple[str, ...]:
        try:
            addresses = resolve(host, port, seconds=self._errand.seconds_left)
        except TimeoutError as error:
            raise self._errand.failed(f"no name server answered for {host} in time") from error
        except socket.gaierror as error:
            if error.errno in _UNKNOWN_NAME:
                raise self._not_public(host) from error
            raise self._errand.failed(
                f"the name {host} could not be looked up; check the address"
            ) from error
        if self._errand.limits.trust(host, port):
            return addresses
        if not all(is_public(address) for address in addresses):
            raise self._not_public(host)
        return addresses

    def refuse_private_number(self, host: str, port: int) -> None:
        """Refuse a host that is written as a private address, or as this machine.

        Raises:
            Refused: It is.
        """
        if self._errand.limits.trust(host, port):
            return
        try:
            private = not is_public(host)
        except ValueError:  # a name
            private = host.lower().rstrip(".") == "localhost"
        if private:
            raise self._not_public(host)

    def _not_public(self, host: str) -> Refused:
        """Word one refusal for no address and a private one: strangers learn no internal names."""
        inline = "send the file itself as a data URI, " if self._errand.brings_file else ""
        return self._errand.refused(
            f"there is no host named {host} on the public internet; check the address, "
            f"{inline}or ask the operator to trust the host"
        )


class _TimedStream(httpcore.NetworkStream):
    """A stream on which no read, write or handshake outlasts its errand.

    One timeout a read is not enough: a server that sends a byte a second never meets it.
    """

    def __init__(self, stream: httpcore.NetworkStream, errand: Errand) -> None:
        self._stream = stream
        self._errand = errand

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _within(self._errand, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(self._errand, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _within(self._errand, timeout)
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise self._errand.refused(
                    f"the certificate of {server_hostname} does not hold "
                    f"({error.__cause__.verify_message}); send a URL whose certificate is valid"
                ) from error
            raise
        return _TimedStream(stream, self._errand)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _within(errand: Errand, timeout: float | None) -> float:
    """Return the timeout that keeps to both its own limit and the errand's clock."""
    left = errand.seconds_left
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(left, timeout)
