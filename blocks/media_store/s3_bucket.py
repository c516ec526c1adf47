"""A store in an S3 bucket, or in anything that speaks S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from blocks.media_store.addresses import key_below, url_below
from blocks.media_store.backend import CHUNK, Entry, Found, Write
from blocks.media_store.keys import PRIVATE
from blocks.media_store.s3_faults import s3_faults, says_present

_TRIES = 3  # of each request; whole tasks are tried again above
_TRIES_OF_BODY = 2  # s3fs's own tries around those
_READ_SECONDS = 60
_PARTS_AT_ONCE = 4


@dataclass(frozen=True)
class S3Access:
    """How to get at a server; ``None`` leaves it to the ambient AWS configuration."""

    endpoint_url: str | None
    region: str | None
    key: str | None
    secret: str | None


class S3Bucket:
    """Keep every file below ``s3://bucket/prefix``."""

    def __init__(
        self, root: str, access: S3Access, *, public_base_url: str | None, presign_seconds: int
    ) -> None:
        self._root = root.rstrip("/")
        self._bucket = self._root.removeprefix("s3://").partition("/")[0]
        self._access = access
        self._public_base_url = public_base_url
        self._presign_seconds = presign_seconds

    def find(self, key: str) -> Found | None:
        """Say what is known of an object; ``None`` if there is none."""
        bucket, _, name = self._place(key).partition("/")
        try:
            with s3_faults(self._bucket):
                head = self._files.call_s3("head_object", Bucket=bucket, Key=name)
        except FileNotFoundError:
            return None
        modified = head["LastModified"].timestamp()
        tag = head.get("ETag")
        stamp = f"{self._access.endpoint_url} {bucket}/{name} {tag} {modified}" if tag else ""
        return Found(head["ContentLength"], head.get("ContentType", ""), modified, stamp)

    def read(self, key: str) -> bytes:
        """Return the bytes of a small object, in one request."""
        with s3_faults(self._bucket):
            content: bytes = self._files.cat_file(self._place(key), max_concurrency=1)
        return content

    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of an object, or some; ``FileNotFoundError`` if there is none.

        Each piece is asked for with the first one's ETag, so an object that is replaced midway
        fails instead of coming out mixed.
        """
        with (
            s3_faults(self._bucket),
            self._files.open(self._place(key), "rb", block_size=CHUNK, cache_type="none") as file,
        ):
            file.seek(start)
            left = CHUNK if stop is None else stop - start
            while chunk := file.read(min(CHUNK, left)):
                left -= len(chunk) if stop is not None else 0
                yield chunk

    def write(self, key: str, source: bytes | Path, *, content_type: str) -> None:
        """Send an object in one request, or in parts that become one when the last is there."""
        how = {"chunksize": CHUNK, "max_concurrency": _PARTS_AT_ONCE, "ContentType": content_type}
        place = self._place(key)
        with s3_faults(self._bucket):
            if isinstance(source, bytes):
                self._files.pipe_file(place, source, **how)
            else:
                self._files.put_file(str(source), place, **how)

    @contextmanager
    def writing(self, key: str, *, content_type: str) -> Iterator[Write]:
        """Give a function that takes an object's bytes, which are sent in parts.

        They become an object once the context ends well, and are dropped otherwise.
        """
        with s3_faults(self._bucket):
            file = self._files.open(
                self._place(key),
                "wb",
                block_size=CHUNK,
                autocommit=False,
                ContentType=content_type,
            )

        def write(content: bytes) -> None:
            with s3_faults(self._bucket):
                file.write(content)

        try:
            yield write
            with s3_faults(self._bucket):
                file.close()
                file.commit()
        except BaseException:
            file.closed = True  # else the collector would send what is left of it
            with suppress(Exception):
                file.discard()
            raise

    def create(self, key: str, content: bytes) -> bool:
        """Send an object on the condition that there is none; a server may not heed that."""
        bucket, _, name = self._place(key).partition("/")
        what = {"Bucket": bucket, "Key": name, "Body": content, "IfNoneMatch": "*"}
        with s3_faults(self._bucket):
            try:
                self._files.call_s3("put_object", **what)
            except OSError as error:
                if says_present(error):
                    return False
                raise
        return True

    def remove(self, key: str) -> None:
        """Remove an object; S3 does not mind if there is none."""
        with s3_faults(self._bucket):
            self._files.rm_file(self._place(key))

    def entries(self, folder: str = "") -> Iterator[Entry]:
        """Yield every object below the root, or below a folder."""
        root = self._place("")
        with s3_faults(self._bucket):
            found = self._files.find(f"{root}{folder}".rstrip("/"), detail=True)
        for name, about in found.items():
            written = about["LastModified"].timestamp()
            yield Entry(name.removeprefix(root), about["size"], modified=written, used=written)

    def touch(self, key: str) -> None:
        """Do nothing: an object knows when it was written, not when it was read."""

    def path(self, key: str) -> None:
        """Return no file: objects are not files of this machine."""

    def url(self, key: str) -> str:
        """Return an address below the public base, or else one signed for a while."""
        if self._public_base_url:
            return url_below(self._public_base_url, key)
        with s3_faults(self._bucket):
            signed: str = self._files.sign(self._place(key), expiration=self._presign_seconds)
        return signed

    def key_of(self, url: str) -> str | None:
        """Return the key of an object, named as ``s3://`` or by an address given out by ``url``.

        An operator may put media of their own into the bucket, so every folder is open but those
        of the result records, the leases and the gateway's own.
        """
        key = self._key_of(url)
        return None if key is None or key.partition("/")[0] in PRIVATE else key

    def _key_of(self, url: str) -> str | None:
        if url.startswith(f"{self._root}/"):
            return url.removeprefix(f"{self._root}/")
        return key_below(url, self._public_base_url) or key_below(url, self._path_style_base)

    @property
    def _path_style_base(self) -> str | None:
        endpoint = self._access.endpoint_url
        return endpoint and url_below(endpoint, self._root.removeprefix("s3://"))

    @property
    def _files(self) -> Any:
        return _connect(self._access, os.getpid())

    def _place(self, key: str) -> str:
        return f"{self._root}/{key}".removeprefix("s3://")


@lru_cache(maxsize=8)
def _connect(access: S3Access, process: int) -> Any:  # noqa: ARG001 - no connection survives a fork
    """Return s3fs's view of a server; one a process, where s3fs would keep one a thread."""
    import s3fs  # noqa: PLC0415 - heavy, and a local store needs none of it

    # SigV4 is said because presigning falls back to SigV2, which newer servers do not know; path
    # style because a server of one's own seldom has a name for each bucket.
    config = {"signature_version": "s3v4", "read_timeout": _READ_SECONDS}
    config |= {"retries": {"mode": "standard", "total_max_attempts": _TRIES}}
    if access.endpoint_url:
        config |= {"s3": {"addressing_style": "path"}}
    files = s3fs.S3FileSystem(
        endpoint_url=access.endpoint_url,
        key=access.key,
        secret=access.secret,
        client_kwargs={"region_name": access.region} if access.region else {},
        config_kwargs=config,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    files.retries = _TRIES_OF_BODY
    return files
