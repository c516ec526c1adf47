"""HTTP/1.1 as cheap as Python sends it: two hundred clients must not cost more than a server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host and port, as in a URL."""
        return f"{self.host}:{self.port}"


class Answer(NamedTuple):
    """What a server said."""

    status: int
    body: bytes

    def check(self) -> None:
        """Raise ``RuntimeError`` if it is an error."""
        if self.status not in (200, 201, 202):
            raise RuntimeError(f"{self.status}: {self.body[:500]!r}")

    def json(self) -> Any:
        """Return what the body says; ``RuntimeError`` if it is an error."""
        self.check()
        return json.loads(self.body)


class Wire(asyncio.Protocol):
    """A connection that stays, or is made anew; with one request at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._came = bytearray()
        self._ends: int | None = None
        self._asked: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def to(cls, address: Address) -> Wire:
        """Return a connection to a server."""
        wire = cls(address)
        await wire._connect()
        return wire

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer."""
        transport = self._transport or await self._connect()
        self._asked = asyncio.get_running_loop().create_future()
        transport.write(request)
        return await self._asked

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.close()

    async def _connect(self) -> asyncio.Transport:
        made: asyncio.Transport
        made, _ = await asyncio.get_running_loop().create_connection(lambda: self, *self._address)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what bytes are sent with."""
        self._transport = transport  # type: ignore[assignment]  # a TCP connection has this kind

    def data_received(self, data: bytes) -> None:
        """Take bytes until the answer is whole."""
        self._came += data
        if self._ends is None:
            head = self._came.find(_END)
            if head < 0:
                return
            length = _LENGTH.search(self._came, 0, head + 2)
            self._ends = head + len(_END) + (0 if length is None else int(length[1]))
        if len(self._came) >= self._ends and self._asked is not None:
            head = self._came.index(_END) + len(_END)
            answer = Answer(int(self._came[9:12]), bytes(self._came[head : self._ends]))
            del self._came[: self._ends]
            self._ends = None
            if not self._asked.done():
                self._asked.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._transport = None
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(exc or ConnectionError("the server hung up"))


def request(
    method: str, path: str, at: Address, *, headers: Mapping[str, str], body: Any = None
) -> bytes:
    """Return the bytes of a request; a body is sent as JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    told = {"host": at.netloc, "accept": "*/*", **headers}
    if body is not None:
        told |= {"content-type": "application/json", "content-length": str(len(content))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join(lines).encode() + _END + content
