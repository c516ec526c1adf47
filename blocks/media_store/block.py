"""The store, as an operator configures it and as every stage sees it."""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from prefect.filesystems import WritableFileSystem
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr, field_validator, model_validator

from blocks import internet
from blocks.internet import Fetched, FetchLimits
from blocks.internet.errand import Errand
from blocks.internet.intake import intake
from blocks.media_store.backend import Listed
from blocks.media_store.cleaning import Cleaned, Cleaning, Limits
from blocks.media_store.disk_faults import disk_faults
from blocks.media_store.keys import RESULTS, is_key, output_key
from blocks.media_store.leases import Lease
from blocks.media_store.local_folder import LocalFolder
from blocks.media_store.payloads import Payloads
from blocks.media_store.place import Landlord, Place, check_place, place_at
from blocks.media_store.records import Records
from blocks.media_store.s3_bucket import S3Access, S3Bucket
from ltxv.errors import Loc, Misconfigured
from ltxv.refs import Ref
from ltxv.result import File

_S3_ROOT = re.compile(r"s3://[A-Za-z0-9._-]{3,255}(/[^/?\\\x00-\x1f\x7f]+)*/?")
_LONGEST_SIGNATURE = 7 * 24 * 3600  # seconds; the limit of SigV4


class MediaStore(WritableFileSystem):
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

    root: str = Field(
        default="~/.ltx/store",
        min_length=1,
        description="A folder (`~` and relative paths are resolved where the store is used) or "
        "`s3://bucket/prefix`.",
    )
    endpoint_url: str | None = Field(
        default=None,
        title="Endpoint URL",
        description="Address of an S3 server other than AWS, such as `https://s3.example.org`.",
    )
    region: str | None = Field(
        default=None,
        description="Region of the bucket; without it that of the ambient AWS configuration. "
        "Signed addresses open only with the right one.",
    )
    key: SecretStr | None = Field(
        default=None,
        description="Access key id; without it the ambient AWS credentials are used.",
    )
    secret: SecretStr | None = Field(
        default=None, description="Secret access key that belongs to the key."
    )
    public_base_url: str | None = Field(
        default=None,
        title="Public base URL",
        description="Address under which the root is served to callers, such as a CDN's. Without "
        "it, addresses are signed for S3 and `file://` for a folder.",
    )
    presign_seconds: int = Field(
        default=24 * 3600,
        gt=0,
        le=_LONGEST_SIGNATURE,
        description="Seconds for which a signed address opens; at most seven days.",
    )
    lease_seconds: int = Field(
        default=30,
        ge=2,
        le=600,
        description="Seconds after which others may make what a process that died was making; the "
        "same for all that use the store.",
    )
    places: tuple[str, ...] = Field(
        default=(),
        description="Folders besides the store's own, as absolute paths, `s3://` (with the store's "
        "key) or any other fsspec address (with the machine's credentials), below which batches "
        "may read manifests and media and write results.",
    )
    limits: FetchLimits = Field(
        default_factory=FetchLimits, description="How much fetching a stranger's URL may cost."
    )

    _since: float = PrivateAttr(default=0)

    @field_validator("root")
    @classmethod
    def _check_root(cls, root: str) -> str:
        if "://" in root and not _S3_ROOT.fullmatch(root):
            raise ValueError("must be a folder or s3://bucket/prefix")
        return root

    @field_validator("places")
    @classmethod
    def _check_places(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_place(place) for place in places)

    @field_validator("endpoint_url", "public_base_url")
    @classmethod
    def _check_address(cls, address: str | None) -> str | None:
        if address is None:
            return None
        parts = urlsplit(address)
        whole = parts.scheme in ("http", "https") and parts.hostname
        if not whole or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be an http or https address without a password or a query")
        return address

    @model_validator(mode="after")
    def _check_credentials(self) -> MediaStore:
        if (self.key is None) != (self.secret is None):
            raise ValueError("key and secret belong together: give both or neither")
        return self

    def put(self, source: bytes | Path, *, folder: str, suffix: str) -> Ref:
        """Keep bytes, or a copy of a file, under a name made from their content.

        What is there already, whole, is not written again.

        Args:
            source: The bytes, or a file that nobody changes meanwhile.
            folder: Place in the store, such as ``latents``.
            suffix: End of the name, such as ``.safetensors``.

        Raises:
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached.
        """
        return Payloads(self._backend).put(source, folder=folder, suffix=suffix)

    def get(self, ref: Ref) -> bytes:
        """Return the bytes of ``ref``.

        Raises:
            Transient: They are missing or not whole: the stage that made them has to run again,
                and does when the request is run again; or the store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Payloads(self._backend).get(ref)

    def open(self, ref: Ref) -> AbstractContextManager[Path]:
        """Give the bytes of ``ref`` as a file to read, not to change, within a context.

        Raises:
            Transient: As for ``get``.
            Misconfigured: The store denies access, or the disk for temporary files is full.
        """
        return Payloads(self._backend).open(ref)

    def holds(self, ref: Ref) -> bool:
        """Say whether the bytes of ``ref`` are there and whole.

        All of them are read for that, unless this process did so before and they were not written
        to since.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Payloads(self._backend).holds(ref)

    def kept(self, sha256: str, *, folder: str, suffix: str) -> Ref | None:
        """Return what was put with that digest; None if it is no longer there whole.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Payloads(self._backend).kept(sha256, folder=folder, suffix=suffix)

    def publish(self, source: Path, *, name: str, content_type: str, loc: Loc = ()) -> File:
        """Put a copy of a finished file where callers can open it.

        A file that is published under the same name later takes its place, at once.

        Args:
            source: The finished file.
            name: Its name below ``outputs/``, which may have folders in it.
            content_type: MIME type it is served with.
            loc: Field of the request that holds the name, for the refusal.

        Raises:
            Refused: The name would leave the folder.
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached.
        """
        key = output_key(name, loc)
        with disk_faults(source.parent):
            size = source.stat().st_size
        self._backend.write(key, source, content_type=content_type)
        return File(
            url=self.url(key),
            content_type=content_type,
            file_name=key.rpartition("/")[2],
            file_size=size,
        )

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

    def own_place(self, folder: str) -> Place:
        """Return one of the store's own folders, such as ``outputs/batches``."""
        return Place(self._backend, f"{folder}/", self.own_address(folder))

    def clean(self, limits: Limits, *, dry_run: bool = False) -> Cleaned:
        """Remove what nobody has used for long, and the oldest of what is too much.

        Args:
            limits: What may stay.
            dry_run: Only say what would go.

        Raises:
            Transient: The store cannot be reached.
            Misconfigured: The store denies access.
        """
        return Cleaning(self._backend, limits, dry_run=dry_run).run()

    def remove(self, path: str) -> None:
        """Remove what the store keeps under ``path``; there may be none.

        Raises:
            Misconfigured: The store denies it.
            Transient: The store cannot be reached.
        """
        if is_key(path):
            self._backend.remove(path)

    def url(self, path: str) -> str:
        """Return an address under which a caller can open what the store keeps under ``path``.

        A signed one is made anew, and opens for ``presign_seconds`` from now on.

        Raises:
            Misconfigured: There are no credentials to sign with.
        """
        return self._backend.url(path)

    def own_address(self, path: str) -> str:
        """Return an address for ``path`` that ``fetch`` of this store opens, today and later.

        Unlike ``url`` it carries no signature, so that equal files have equal addresses.
        """
        return f"{self.root.rstrip('/')}/{path}" if self._is_s3 else self.url(path)

    def fetch(self, url: str, target: Path, *, loc: Loc) -> Fetched:
        """Bring the bytes behind ``url`` into the file ``target``, within ``limits``.

        Addresses of this store's own files open directly: ``s3://`` below the root, addresses
        below the public base, signed ones of the endpoint, and local paths or ``file://`` below a
        local store's outputs. Every other goes through ``blocks.internet.fetch``.

        Raises:
            Refused: The URL is not allowed or does not lead to a file.
            Transient: The network, the server or the store failed.
            Misconfigured: The file cannot be written, or the store denies access.
        """
        url = url.strip()
        key = self._backend.key_of(url)
        if key is None:
            return internet.fetch(url, target, limits=self.limits, loc=loc)
        errand = Errand.start(url, loc=loc, limits=self.limits)
        with intake(target, errand) as file:
            found = self._backend.find(key) if is_key(key) else None
            if found is None:
                raise errand.refused("the store has no such file; check the address")
            file.expect(found.size)
            try:
                for chunk in self._backend.chunks(key):
                    file.write(chunk)
            except FileNotFoundError as error:
                raise errand.failed("the file was removed meanwhile") from error
            return file.fetched(found.content_type)

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

    @property
    def _is_s3(self) -> bool:
        return self.root.startswith("s3://")

    @property
    def _folder(self) -> Path:
        try:
            return Path(self.root).expanduser().resolve()
        except (OSError, RuntimeError) as error:  # no such user, a loop of links
            raise Misconfigured(f"the media store has no folder {self.root}: {error}") from error

    @property
    def _backend(self) -> Listed:
        if not self._is_s3:
            return LocalFolder(self._folder, public_base_url=self.public_base_url)
        return S3Bucket(
            self.root,
            self._access,
            public_base_url=self.public_base_url,
            presign_seconds=self.presign_seconds,
        )

    @property
    def _access(self) -> S3Access:
        return S3Access(
            endpoint_url=self.endpoint_url,
            region=self.region,
            key=self.key.get_secret_value() if self.key else None,
            secret=self.secret.get_secret_value() if self.secret else None,
        )
