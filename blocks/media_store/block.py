"""The store, as an operator configures it and as every stage sees it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, ClassVar

from pydantic import HttpUrl, PrivateAttr

from blocks.media_store.cleaned import Cleaned, Limits
from blocks.media_store.cleaning import Cleaning, Needed
from blocks.media_store.contents import StoreContents
from blocks.media_store.keys import RESULTS
from blocks.media_store.leases import Lease
from blocks.media_store.own_place import OwnPlace
from blocks.media_store.place import Landlord, Place, place_at
from blocks.media_store.records import Records
from blocks.media_store.s3_bucket import S3Bucket
from ltxv.errors import Loc


class MediaStore(StoreContents):
    """Keep every byte the pipeline makes in a local folder or an S3 bucket.

    It is also a result storage for Prefect: a task's cached result is used only while the bytes it
    refers to are in the store and whole.

    Attributes:
        root: A folder, or `s3://bucket/prefix`.
        endpoint_url: Address of an S3 server other than AWS.
        region: Region of the bucket.
        key: Access key id.
        secret: Secret access key.
        public_base_url: Address under which the root is served to callers.
        presign_seconds: How long a signed address opens.
        lease_seconds: When what a dead process was making is free for others.
        places: Where batches may read and write besides the store.
        limits: What fetching a stranger's URL may cost.

    Example:
        Keep and publish a file:
        ```python
        from pathlib import Path

        from blocks.media_store import MediaStore

        store = MediaStore.load("BLOCK_NAME")
        file = store.publish(Path("clip.mp4"), name="clip.mp4", content_type="video/mp4")
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Media Store"
    _block_type_slug: ClassVar[str | None] = "ltx-media-store"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/Lightricks/LTX-Video"
    )

    _since: float = PrivateAttr(default=0)

    def has_result(self, path: str) -> bool:
        """Say whether a task's result kept under ``path`` would be used if the task ran now.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return self._records.has(path)

    def anew_since(self, moment: datetime) -> MediaStore:
        """Return the same store, in which results that were kept before a moment count as absent.

        The moment is compared with the clock of the place where the store is.
        """
        store = self.model_copy()
        store._since = moment.timestamp()  # noqa: SLF001 - a copy of ours
        return store

    def lease(self, name: str) -> Lease:
        """Return a claim on ``name``, not yet made, that one party at a time can hold.

        Args:
            name: What is claimed, a relative path.
        """
        return Lease(self._backend, name, term=self.lease_seconds)

    def place(self, folder: str, *, loc: Loc, to_write: bool = False) -> Place:
        """Return the folder at an address, if runs may use it: own files, or below ``places``.

        Args:
            folder: An absolute path, or an address with a scheme.
            loc: What names it, for the refusal.
            to_write: Whether files are going to be written there.

        Raises:
            Refused: It is no address of a folder, or the operator has not opened it.
        """
        landlord = Landlord(
            root=self.root.rstrip("/") if self._is_s3 else str(self._folder),
            own=self._backend,
            places=self.places,
            bucket=lambda root: S3Bucket(
                root, self._access, public_base_url=None, presign_seconds=self.presign_seconds
            ),
        )
        return place_at(folder, landlord, loc=loc, to_write=to_write)

    def own_place(self, folder: str) -> OwnPlace:
        """Return one of the store's own folders, such as ``outputs/batches``."""
        return OwnPlace(self._backend, folder, self.own_address(folder))

    def clean(
        self, limits: Limits, *, needed: Needed = lambda runs: runs, dry_run: bool = False
    ) -> Cleaned:
        """Remove what nobody has used for long, and the oldest of what is too much.

        Args:
            limits: What may stay.
            needed: Of some ids of runs, those whose notes have to stay; all if left out.
            dry_run: Only say what would go.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Cleaning(self._backend, limits, needed=needed, dry_run=dry_run).run()

    def read_path(self, path: str, **_: Any) -> bytes:  # type: ignore[override]
        """Return the result record that Prefect keeps under ``path``.

        A record that is damaged, or whose bytes are no longer whole in the store, is as good as
        none: Prefect then runs the task again.

        Raises:
            Transient: There is no record that can be used, or the store cannot be reached.
            Misconfigured: The store denies access.
        """
        return self._records.read(self._record_name(path))

    def write_path(self, path: str, content: bytes, **_: Any) -> None:  # type: ignore[override]
        """Keep a result record under ``path``, in place of one that is there.

        Raises:
            Misconfigured: It is not JSON throughout, or the store cannot be written to.
            Transient: The store cannot be reached.
        """
        self._records.write(self._record_name(path), content)

    # Prefect asks for these two by name where it must not be held up.

    async def aread_path(self, path: str) -> bytes:
        """Do as ``read_path`` does, in a thread of its own."""
        return await asyncio.to_thread(self.read_path, path)

    async def awrite_path(self, path: str, content: bytes) -> None:
        """Do as ``write_path`` does, in a thread of its own."""
        await asyncio.to_thread(self.write_path, path, content)

    def _resolve_path(self, path: str) -> str | None:
        """Return what Prefect calls a record of a block that is not saved on its server.

        For a folder that is the file itself, which Prefect can find again without the block.
        """
        return None if self._is_s3 else str(self._folder / RESULTS / path)

    def _record_name(self, path: str) -> str:
        return path if self._is_s3 else path.removeprefix(f"{self._folder / RESULTS}/")

    @property
    def _records(self) -> Records:
        return Records(self._backend, self.holds, since=self._since)
