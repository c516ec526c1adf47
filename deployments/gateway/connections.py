"""Connections of clients: whether they are still there, and whether what was sent arrived."""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import termios
import time
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0
"""How long the head of a request may take to come, and a connection to send its first."""
_NAME = "ltx.connection"


class Connection:
    """One connection, over however many requests."""

    def __init__(self) -> None:
        self.requests = 0
        """How many came over it so far."""
        self.closed_at: float | None = None
        """When it ended, by the monotonic clock; None while it is open."""
        self._closed = asyncio.Event()
        self._socket: socket.socket | None = None

    def opened(self, at: Any) -> None:
        """Note its socket."""
        self._socket = at

    def lost(self) -> None:
        """Note that it ended."""
        self.closed_at = time.monotonic()
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        """Whether it ended."""
        return self._closed.is_set()

    async def stays_open(self, seconds: float) -> bool:
        """Wait, and say whether it is still open then."""
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except TimeoutError:
            return True
        return False

    @property
    def everything_arrived(self) -> bool:
        """Whether the other side's machine acknowledged all bytes that were sent."""
        if self._socket is None or self.is_closed:
            return False
        waiting = array.array("i", [0])
        try:
            fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, waiting)
        except (OSError, ValueError):
            return False
        return waiting[0] == 0


class WatchedProtocol(H11Protocol):
    """HTTP/1.1 whose requests know the connection that they came over."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connection = Connection()
        self._patience: asyncio.TimerHandle | None = None
        self._answering = 0
        served = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            self._stop_waiting()
            self._connection.requests += 1
            self._answering += 1
            scope[_NAME] = self._connection
            try:
                await served(scope, receive, send)
            finally:
                self._answering -= 1

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the socket, and wait for a request, though not for long."""
        super().connection_made(transport)
        self._connection.opened(transport.get_extra_info("socket"))
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; the rest of a request's head has to come soon."""
        if not self._answering:
            self._wait()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self._stop_waiting()
        self._connection.lost()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def connection_of(request: Request) -> Connection:
    """Return the connection that a request came over; a new one under another server."""
    found: Connection = request.scope.setdefault(_NAME, Connection())
    return found
