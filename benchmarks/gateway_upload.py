"""A large file on its way through the gateway, and the memory that it takes there."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from benchmarks.wire import Address, Wire, request

_PIECE = bytes(range(256)) * 4096
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Uploaded:
    """What an upload took."""

    size: int
    seconds: float
    before: int
    """Bytes that the gateway's process had in memory before it."""
    most: int
    """The most that it had meanwhile."""


async def upload(address: Address, key: str, process: psutil.Process, *, size: int) -> Uploaded:
    """Send a file as the JavaScript client does, and watch the gateway's resident memory."""
    wire, headers = await Wire.to(address), {"authorization": f"Key {key}"}
    asked = {"content_type": "video/mp4", "file_name": "clip.mp4"}
    path = "/rest/storage/upload/initiate"
    begun = await wire.ask(request("POST", path, address, headers=headers, body=asked))
    wire.close()
    at = urlsplit(begun.json()["upload_url"])
    before = process.memory_info().rss
    seen = [before]
    watching = asyncio.create_task(_watch(process, seen))
    began = time.perf_counter()
    await _put(address, f"{at.path}?{at.query}", size)
    seconds = time.perf_counter() - began
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return Uploaded(size=size, seconds=seconds, before=before, most=max(seen))


async def _put(address: Address, path: str, size: int) -> None:
    reader, writer = await asyncio.open_connection(*address)
    told = {"content-length": str(size), "content-type": "video/mp4"}
    writer.write(request("PUT", path, address, headers=told))
    for start in range(0, size, len(_PIECE)):
        writer.write(_PIECE[: size - start])
        await writer.drain()
    line = await reader.readline()
    writer.close()
    if b" 200 " not in line:
        raise RuntimeError(line.decode())


async def _watch(process: psutil.Process, seen: list[int]) -> None:
    while True:
        seen.append(process.memory_info().rss)
        await asyncio.sleep(_LOOK_SECONDS)
