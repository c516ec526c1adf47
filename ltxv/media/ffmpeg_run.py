"""One run of ffmpeg: fed, watched, and never left behind."""

from __future__ import annotations

import errno
import subprocess
import tempfile
from collections.abc import Iterable
from threading import Event, Timer
from typing import IO, Any

import ffmpeg

from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.confine import confine

_SAID_BYTES = 2000
_SAID_LINES = 4
# strerror of ENOSPC and EDQUOT, which is all that ffmpeg passes on of them.
_DISK_FULL = ("No space left on device", "Disk quota exceeded")
# Its exit status is the last byte of the negative error number. What it says may be lost: the file
# for that is on the same disk as a rule.
_FULL_STATUS = {
    256 - number: reason
    for number, reason in zip((errno.ENOSPC, errno.EDQUOT), _DISK_FULL, strict=True)
}


class FfmpegFailed(Exception):
    """ffmpeg ended without doing what it was asked to.

    Attributes:
        said: The last lines of what it said, or why it was ended.
        disk_full: Whether it had no room left to write to.
        timed_out: Whether it was ended because its time was up.
    """

    def __init__(self, said: str, *, disk_full: bool = False, timed_out: bool = False) -> None:
        self.said = said
        self.disk_full = disk_full
        self.timed_out = timed_out
        super().__init__(said)


def run_ffmpeg(
    stream: Any, *, stdin: Iterable[bytes] | None = None, timeout_seconds: float
) -> None:
    """Run an ffmpeg-python graph to its end, over an output that may be there already.

    Args:
        stream: An output node of ffmpeg-python.
        stdin: What to feed to an input named ``pipe:``; an error of the iterable ends ffmpeg and
            is passed on.
        timeout_seconds: ffmpeg is killed when it has run for so long.

    Raises:
        FfmpegFailed: ffmpeg failed or was killed.
        Misconfigured: There is no ffmpeg that runs.
    """
    quiet = ["-loglevel", "error", "-nostats", "-y", *(["-nostdin"] if stdin is None else [])]
    command = ffmpeg.compile(stream.global_args(*quiet), cmd=ffmpeg_binary())
    # A file takes whatever ffmpeg has to say; a pipe that nobody reads would stop it when full.
    with tempfile.TemporaryFile() as said:
        process = _started(command, fed=stdin is not None, said=said)
        timed_out = Event()
        clock = Timer(timeout_seconds, _end, (process, timed_out))
        clock.start()
        try:
            if process.stdin is not None and stdin is not None:
                _feed(process.stdin, stdin)
            status = process.wait()
        finally:
            clock.cancel()
            process.kill()
            process.wait()
        if status and timed_out.is_set():
            raise FfmpegFailed(f"ended after {timeout_seconds:g} seconds", timed_out=True)
        if status:
            reason = _last_lines(said) or _FULL_STATUS.get(status, f"exit status {status}")
            raise FfmpegFailed(reason, disk_full=any(text in reason for text in _DISK_FULL))


def _started(command: list[str], *, fed: bool, said: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    except OSError as error:
        raise Misconfigured(
            f"{command[0]} does not run: {error.strerror}; install another ffmpeg"
        ) from error
    confine(process)
    return process


def _end(process: subprocess.Popen[bytes], timed_out: Event) -> None:
    timed_out.set()
    process.kill()


def _feed(pipe: IO[bytes], content: Iterable[bytes]) -> None:
    try:
        with pipe:
            for piece in content:
                pipe.write(piece)
    except BrokenPipeError:
        # ffmpeg has ended early; its exit status says whether that is a fault.
        return


def _last_lines(said: IO[bytes]) -> str:
    size = said.seek(0, 2)
    said.seek(max(0, size - _SAID_BYTES))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return "; ".join(line.strip() for line in lines[-_SAID_LINES:])
