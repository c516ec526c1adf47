"""The file a download becomes: limited, digested, and there whole or not at all."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from blocks.internet.errand import FILE_TOO_LARGE, Errand
from ltxv.errors import Misconfigured
from ltxv.frozen import Frozen

_MIME_TYPE = re.compile(r"[\w.+-]{1,127}/[\w.+-]{1,127}", re.ASCII)


class Fetched(Frozen):
    """What arrived."""

    sha256: str = Field(description="Digest of the bytes, 64 hexadecimal digits.")
    size: int = Field(description="Length in bytes.")
    content_type: str = Field(
        description="MIME type the sender declared, lower case, without parameters; "
        "empty if none. Never to be trusted: the content decides."
    )


class Intake:
    """A file in the making, which counts and digests what is written to it."""

    def __init__(self, file: BinaryIO, errand: Errand) -> None:
        self._file = file
        self._errand = errand
        self._digest = hashlib.sha256()
        self.size = 0

    def expect(self, size: int) -> None:
        """Refuse a file that is going to be larger than the limit."""
        limit = self._errand.limits.max_bytes
        if size > limit:
            raise self._errand.refused(
                f"the file is larger than {limit} bytes; send a smaller one",
                type=FILE_TOO_LARGE,
                max_size=limit,
            )

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.expect(self.size + len(chunk))
        self.size += len(chunk)
        self._digest.update(chunk)
        with _disk_errors(self._file.name):
            self._file.write(chunk)

    def fetched(self, declared: str) -> Fetched:
        """Return what arrived, once all of it has; ``declared`` is the sender's Content-Type."""
        if self.size == 0:
            raise self._errand.refused("the file is empty; check the address")
        declared = declared.partition(";")[0].strip().lower()
        content_type = declared if _MIME_TYPE.fullmatch(declared) else ""
        return Fetched(sha256=self._digest.hexdigest(), size=self.size, content_type=content_type)


@contextmanager
def intake(target: Path, errand: Errand) -> Iterator[Intake]:
    """Give a file to write to, and put it in place of ``target`` when all went well.

    Raises:
        Misconfigured: The disk is full, or the folder cannot be written to.
    """
    unfinished = target.with_name(f".{uuid.uuid4().hex}.part")
    with _disk_errors(target):
        file = unfinished.open("xb")
    try:
        try:
            yield Intake(file, errand)
        finally:
            with _disk_errors(target):
                file.close()
        with _disk_errors(target):
            unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _disk_errors(path: str | Path) -> Iterator[None]:
    """Turn what the file system says into the operator's error."""
    try:
        yield
    except OSError as error:
        folder = Path(path).parent
        raise Misconfigured(
            f"a download could not be written to {folder}: {error.strerror}; "
            "free some space there or choose another folder"
        ) from error
