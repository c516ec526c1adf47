"""A way to a server on which requests are counted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from benchmarks.wire import Address

_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) \S+ HTTP/1\.1\r\n")
_AT_A_TIME = 2**16


@dataclass
class Counter:
    """How many requests went by."""

    address: Address
    requests: int = 0


@asynccontextmanager
async def counted(far: Address) -> AsyncIterator[Counter]:
    """Give an address that leads to a server, and how many requests were sent there."""
    counter = Counter(far)
    lines: set[asyncio.StreamWriter] = set()

    async def pump(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counts: bool
    ) -> None:
        with suppress(ConnectionError):
            while content := await source.read(_AT_A_TIME):
                counter.requests += len(_REQUEST.findall(content)) if counts else 0
                target.write(content)
                await target.drain()
        target.close()

    async def lead(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_connection(*far)
        lines.update((near_out, far_out))
        await asyncio.gather(
            pump(near_in, far_out, counts=True), pump(far_in, near_out, counts=False)
        )
        lines.difference_update((near_out, far_out))

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    counter.address = Address(*server.sockets[0].getsockname()[:2])
    try:
        yield counter
    finally:
        server.close()
        for line in list(lines):
            line.close()
