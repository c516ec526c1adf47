"""Stores for tests, in a folder and in a bucket, and what lies in them seen past the store."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import s3fs

from blocks.media_store import MediaStore
from tests.s3_server import S3Server


@dataclass
class Kept:
    """A store, and what lies below its root, seen past the store."""

    store: MediaStore
    files: Any
    place: str

    def read(self, key: str) -> bytes:
        return self.files.cat_file(f"{self.place}/{key}")

    def write(self, key: str, content: bytes) -> None:
        self.files.makedirs(f"{self.place}/{key}".rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(f"{self.place}/{key}", content)

    def remove(self, key: str) -> None:
        self.files.rm_file(f"{self.place}/{key}")

    def keys(self) -> list[str]:
        found = self.files.find(self.place)
        return sorted(str(name).removeprefix(f"{self.place}/") for name in found)


def in_folder(root: Path, **settings: Any) -> Kept:
    """Return an empty store in a folder."""
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

    return Kept(MediaStore(root=str(root), **settings), LocalFileSystem(), str(root))


def in_bucket(server: S3Server, **settings: Any) -> Kept:
    """Return an empty store in a bucket."""
    files = s3fs.S3FileSystem(
        endpoint_url=server.endpoint,
        key=server.key,
        secret=server.secret,
        use_listings_cache=False,
    )
    bucket = f"bucket-{uuid.uuid4().hex}"
    files.mkdir(bucket)
    store = MediaStore(
        root=f"s3://{bucket}/some prefix",
        endpoint_url=server.endpoint,
        region="us-east-1",
        key=server.key,
        secret=server.secret,
        **settings,
    )
    return Kept(store, files, f"{bucket}/some prefix")


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """An empty store, in a folder that is not there yet and in a bucket."""
    if request.param == "folder":
        return in_folder(tmp_path / "store")
    return in_bucket(request.getfixturevalue("s3_server"))
