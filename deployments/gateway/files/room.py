"""Files of a key together, held to what it may keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from anyio import to_thread
from starlette.requests import Request

from blocks.media_store import MediaStore
from blocks.upload_room import UploadRoom
from blocks.uploads import Upload
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.failures import Failure

Took = Callable[[int], object]
"""Is told of bytes as they come."""


class _Held:
    """What the files of one key take while some of them arrive."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.used = 0
        self.coming = 0


class Room:
    """Hold keys to how much they may keep.

    What is there is counted when a file begins to come, and what comes is counted here. Files that
    come by other gateways at the same moment are seen once they are there.

    Args:
        store: Where the files are.
        keys: Where the limits are.
    """

    def __init__(self, store: MediaStore, keys: KeyRing) -> None:
        self._files = UploadRoom(store)
        self._keys = keys
        self._held: WeakValueDictionary[str, _Held] = WeakValueDictionary()

    async def check(self, owner: str) -> None:
        """Let a key begin an upload.

        Raises:
            Failure: Its files take all that it may keep.
        """
        limit = await self._limit(owner)
        if limit is not None:
            sizes = await to_thread.run_sync(self._files.sizes, owner)
            if sum(sizes.values()) >= limit:
                raise _full(limit)

    @asynccontextmanager
    async def taking(
        self, owner: str, upload: str, *, number: int = 0, expected: int = 0
    ) -> AsyncIterator[Took]:
        """Give what has to be told of the bytes of a file, or of a part, that comes inside.

        Args:
            owner: Whose it is.
            upload: Its id.
            number: Of the part; 0 for a whole file.
            expected: How many bytes its sender says it has.

        Raises:
            Failure: There are more of them than the key may keep.
        """
        limit = await self._limit(owner)
        if limit is None:
            yield int
            return
        held = self._held.setdefault(owner, _Held())
        async with held.lock:
            sizes = await to_thread.run_sync(self._files.sizes, owner)
            held.used = sum(sizes.values())
        came, replaced = 0, sizes.get((upload, number), 0)

        def took(size: int) -> None:
            nonlocal came
            came += size
            held.coming += size
            if held.used + held.coming - replaced > limit:
                raise _full(limit)

        try:
            if held.used + held.coming + expected - replaced > limit:
                raise _full(limit)
            yield took
            async with held.lock:
                await to_thread.run_sync(self._note, owner, upload, came, number)
                held.used += came
        finally:
            held.coming -= came

    async def joined(self, upload: Upload) -> None:
        """Count a file in the place of its parts."""
        if await self._limit(upload.owner) is not None:
            await to_thread.run_sync(self._files.join, upload.owner, upload.id, upload.size)

    def _note(self, owner: str, upload: str, size: int, number: int) -> None:
        self._files.note(owner, upload, size, number=number)

    async def _limit(self, owner: str) -> int | None:
        record = await self._keys.in_force(owner)
        return None if record is None else record.limits.upload_bytes


def room_of(request: Request) -> Room:
    """Return the gateway's."""
    room: Room = request.app.state.room
    return room


def _full(limit: int) -> Failure:
    said = (
        f"the files of this key would have more than the {limit} bytes that it may keep; delete "
        "some (DELETE at their addresses), or ask the operator for more"
    )
    return Failure(403, said, error_type="storage_limit")
