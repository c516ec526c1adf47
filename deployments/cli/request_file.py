"""A request from a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

from ltxv.errors import Refused

_LARGEST = 64 * 2**20


def read_request(path: Path) -> Any:
    """Return the JSON value in ``path``; ``-`` is standard input.

    Raises:
        Refused: It cannot be read, or is not JSON.
    """
    try:
        if str(path) == "-":
            return json.loads(_text(sys.stdin.buffer))
        with path.open("rb") as file:
            return json.loads(_text(file))
    except OSError as error:
        said = f"cannot be read: {error.strerror}; give a JSON file, or - for standard input"
        raise _refused(path, said) from error
    except UnicodeDecodeError as error:
        raise _refused(path, "is not UTF-8 text; give a JSON file") from error
    except (ValueError, RecursionError) as error:  # too many digits or levels, among others
        raise _refused(path, f"is not JSON: {error}") from error


def _text(file: BinaryIO) -> str:
    content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes; send media by URL")
    return content.decode("utf-8-sig")


def _refused(path: Path, said: str) -> Refused:
    return Refused.because((str(path),), said, type="json_invalid")
