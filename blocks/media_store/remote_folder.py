"""A folder at any address that fsspec opens, with the credentials of the process's environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks.media_store.addresses import url_below
from blocks.media_store.backend import CHUNK, Found
from ltxv.errors import Misconfigured


class RemoteFolder:
    """Keep files below ``root``, such as ``gs://bucket/prefix``, by fsspec."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")

    def find(self, key: str) -> Found | None:
        """Say what is known of a file; ``None`` if there is none."""
        with self._opened(key) as (files, path):
            try:
                info = files.info(path)
            except FileNotFoundError:
                return None
            if info.get("type") != "file":
                return None
            return Found(size=info.get("size") or 0, content_type="", modified=0)

    def read(self, key: str) -> bytes:
        """Return the bytes of a small file; ``FileNotFoundError`` if there is none."""
        return b"".join(self.chunks(key))

    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file, or some; ``FileNotFoundError`` if there is none."""
        if self.find(key) is None:
            raise FileNotFoundError(key)
        with self._opened(key) as (files, path), files.open(path, "rb") as file:
            file.seek(start)
            left = CHUNK if stop is None else stop - start
            while chunk := file.read(min(CHUNK, left)):
                left -= len(chunk) if stop is not None else 0
                yield chunk

    def write(self, key: str, source: bytes | Path, *, content_type: str) -> None:  # noqa: ARG002
        """Keep bytes under ``key``; whether half of them can be seen is up to the place."""
        with self._opened(key) as (files, path):
            files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if isinstance(source, bytes):
                files.pipe_file(path, source)
            else:
                files.put_file(str(source), path)

    def create(self, key: str, content: bytes) -> bool:
        """Keep bytes if there is no such file yet; of several at once, all may succeed."""
        if self.find(key) is not None:
            return False
        self.write(key, content, content_type="")
        return True

    def remove(self, key: str) -> None:
        """Remove a file; there may be none."""
        if self.find(key) is not None:
            with self._opened(key) as (files, path):
                files.rm_file(path)

    def path(self, key: str) -> None:
        """Return no file: these are not files of this machine."""

    def url(self, key: str) -> str:
        """Return the file's own address."""
        return url_below(self._root, key)

    def key_of(self, url: str) -> None:
        """Return no key: no caller may name these files."""

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[Any, str]]:
        """Give fsspec's view of the place and the path in it; what it raises is named."""
        from fsspec.core import url_to_fs  # noqa: PLC0415 - loads what the scheme needs

        try:
            yield url_to_fs(f"{self._root}/{key}", use_listings_cache=False)
        except (Misconfigured, GeneratorExit):
            raise
        except Exception as error:  # every library behind fsspec has errors of its own
            said = str(error) or type(error).__name__
            raise Misconfigured(
                f"{self._root} cannot be used: {said}; install what fsspec needs for this "
                "address, and check the credentials of this machine"
            ) from error
