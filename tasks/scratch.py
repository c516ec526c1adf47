"""A folder for the files of one stage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards; ``TMPDIR`` says on which disk."""
    with tempfile.TemporaryDirectory(prefix="ltx-") as folder:
        yield Path(folder)
