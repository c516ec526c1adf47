"""Where a store is, and who may open it: what an operator fills in."""

from __future__ import annotations

import re
from abc import ABC
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from prefect.filesystems import WritableFileSystem
from pydantic import Field, SecretStr, field_validator, model_validator

from blocks.internet import FetchLimits
from blocks.media_store.backend import Listed
from blocks.media_store.local_folder import LocalFolder
from blocks.media_store.place import check_place
from blocks.media_store.s3_bucket import S3Access, S3Bucket
from ltxv.errors import Misconfigured

_S3_ROOT = re.compile(r"s3://[A-Za-z0-9._-]{3,255}(/[^/?\\\x00-\x1f\x7f]+)*/?")
_LONGEST_SIGNATURE = 7 * 24 * 3600  # seconds; the limit of SigV4


class StoreSettings(WritableFileSystem, ABC):
    """The fields of a store, and the place that they name."""

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
    def _check_credentials(self) -> Self:
        if (self.key is None) != (self.secret is None):
            raise ValueError("key and secret belong together: give both or neither")
        return self

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
