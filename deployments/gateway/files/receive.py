"""Bytes of a body, on their way into the store in constant memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import NamedTuple

from anyio import CancelScope, fail_after, to_thread
from starlette.requests import ClientDisconnect, Request

from blocks.media_store.backend import Write
from deployments.gateway.failures import Failure
from deployments.gateway.files.room import Took
from deployments.gateway.files.ticket import SECONDS

_AT_A_TIME = 2**20
_SILENT_SECONDS = 60.0


class Received(NamedTuple):
    """What arrived."""

    size: int
    sha256: str


async def receive(
    request: Request, target: AbstractContextManager[Write], *, most: int, took: Took = int
) -> Received:
    """Write the body of a request to a file, which is there whole afterwards or not at all.

    Args:
        request: Whose body it is.
        target: Gives what takes the bytes.
        most: Bytes that it may have.
        took: Is told how many came, each time that some did; what it raises ends the upload.

    Raises:
        Failure: It is empty or too large, stopped, or its sender went away or is too slow.
        LTXError: The store fails.
    """
    if told_size(request) > most:
        raise too_large(most)
    digest, size = hashlib.sha256(), 0
    async with in_threads(target) as write:
        async for chunk in _chunks(request):
            size += len(chunk)
            if size > most:
                raise too_large(most)
            took(len(chunk))
            await to_thread.run_sync(_take, chunk, digest, write)
        if size == 0:
            raise Failure.of_type("bad_request", "the file is empty; send one that has bytes")
    return Received(size, digest.hexdigest())


@asynccontextmanager
async def in_threads(target: AbstractContextManager[Write]) -> AsyncIterator[Write]:
    """Enter and leave a context in threads, for it waits for disks and networks."""
    write = await to_thread.run_sync(target.__enter__)
    try:
        yield write
    except BaseException as error:
        with CancelScope(shield=True):  # what was begun is to be cleaned up
            await to_thread.run_sync(_leave, target, error)
        raise
    with CancelScope(shield=True):
        await to_thread.run_sync(_leave, target, None)


def told_size(request: Request) -> int:
    """Return how many bytes a body has, as its sender says; 0 if that is not said."""
    told = request.headers.get("content-length", "")
    return int(told) if told.isdecimal() else 0


def too_large(most: int) -> Failure:
    """Return the failure of a file with too many bytes."""
    entry = {
        "loc": ["body"],
        "msg": f"the file is larger than {most} bytes; send a smaller one",
        "type": "file_too_large",
        "ctx": {"max_size": most},
    }
    return Failure.of_details([entry], status=413)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield a body in pieces of a megabyte."""
    stream, held = request.stream(), bytearray()
    ends = time.monotonic() + SECONDS
    while True:
        try:
            # The scope is not held over a yield: it would be left by another than its task.
            with fail_after(min(_SILENT_SECONDS, ends - time.monotonic())):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            said = "the body comes too slowly; send it again over a faster connection"
            headers = {"connection": "close"}  # else the rest of the body is waited for
            raise Failure(408, said, error_type="request_timeout", headers=headers) from error
        except ClientDisconnect as error:
            raise Failure.of_type("client_disconnected", "the client went away") from error
        if chunk is None:
            break
        held += chunk
        if len(held) >= _AT_A_TIME:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _take(chunk: bytes, digest: hashlib._Hash, write: Write) -> None:
    digest.update(chunk)
    write(chunk)


def _leave(target: AbstractContextManager[Write], error: BaseException | None) -> None:
    if error is None:
        target.__exit__(None, None, None)
        return
    try:
        target.__exit__(type(error), error, error.__traceback__)
    except BaseException as raised:  # the context hands on what it was given
        if raised is not error:
            raise
