"""What ffprobe reads of a file without decoding it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffprobe_binary
from ltxv.media.confine import confine

SECONDS = 60.0


class Unreadable(Exception):
    """ffprobe could not read the file.

    Attributes:
        said: What it said.
        timed_out: Whether it was ended because its time was up.
    """

    def __init__(self, said: str = "", *, timed_out: bool = False) -> None:
        self.said = said
        self.timed_out = timed_out
        super().__init__(said)


def read_header(path: Path, *, show: str, reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked of a file: of its first moving picture, cover art left out.

    ffmpeg-python has a ``probe`` of its own, which waits for ever.

    Args:
        path: The file.
        show: Sections and fields, as ffprobe's ``-show_entries`` takes them.
        reading: Options that hold ffprobe to the file's own bytes.

    Raises:
        Unreadable: It is damaged, or took longer than a minute.
        Misconfigured: There is no ffprobe that runs.
    """
    command = [
        ffprobe_binary(),
        *("-v", "error", "-of", "json", "-select_streams", "V:0", "-show_entries", show),
        *(part for name, value in reading.items() for part in (f"-{name}", str(value))),
        *("-i", f"file:{path.absolute()}"),
    ]
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            confine(process)
            try:
                told, said = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise Unreadable(timed_out=True) from error
    except OSError as error:
        raise Misconfigured(
            f"{command[0]} does not run: {error.strerror}; install another ffprobe"
        ) from error
    if process.returncode:
        raise Unreadable(said.decode(errors="replace"))
    header: dict[str, Any] = json.loads(told)
    return header
