"""What an mp4 says of itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffprobe_binary

_SECONDS = 60.0


def read_comment(path: Path) -> str | None:
    """Return the comment of an mp4; None if it has none or is no mp4.

    Raises:
        Misconfigured: There is no ffprobe that runs.
    """
    command = [
        ffprobe_binary(),
        *("-v", "error", "-of", "json", "-show_entries", "format_tags=comment"),
        *("-f", "mov", "-protocol_whitelist", "file"),
        *("-i", f"file:{path.absolute()}"),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
        said = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise Misconfigured(
            f"{command[0]} does not run: {error.strerror}; install another ffprobe"
        ) from error
    except ValueError:
        return None
    comment = said.get("format", {}).get("tags", {}).get("comment")
    return comment if isinstance(comment, str) else None
