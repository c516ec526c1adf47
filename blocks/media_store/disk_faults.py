"""What a local file system says, as the operator's error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltxv.errors import Misconfigured


@contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """Turn errors of reading and writing below ``folder`` into one clear line.

    Raises:
        Misconfigured: The disk is full, the folder is not writable, or the like.
    """
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            f"the media store could not read or write below {folder}: {error.strerror or error}; "
            "free some space there, mend its permissions or choose another folder"
        ) from error
