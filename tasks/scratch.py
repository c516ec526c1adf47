"""A folder for the files of one stage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltxv.errors import Misconfigured


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards; ``TMPDIR`` says on which disk.

    Raises:
        Misconfigured: There is no room for one.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="ltx-", ignore_cleanup_errors=True)
    except OSError as error:
        raise Misconfigured(
            f"no temporary folder can be made: {error.strerror}; free some space, or set TMPDIR to "
            "a folder that can be written to"
        ) from error
    with folder as path:
        yield Path(path)
