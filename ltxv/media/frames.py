"""A clip in memory."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer
from typing import IO

import ffmpeg
import numpy as np

from ltxv.engine import Frames
from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary

_MAGIC = b"P6"
_SECONDS = 600.0
_BATCH_BYTES = 64 * 2**20


def read_frames(path: Path) -> Frames:
    """Decode a file of this project, a prepared medium or a finished clip.

    Not for files of strangers: any container that ffmpeg knows is opened, within ``file:``.

    Args:
        path: A picture or clip.

    Returns:
        Its frames, (frames, height, width, 3), rotation applied.

    Raises:
        Misconfigured: It cannot be decoded, or there is no ffmpeg that runs.
    """
    return np.concatenate(list(frame_batches(path)))


def frame_batches(path: Path) -> Iterator[Frames]:
    """Decode as ``read_frames`` does, but never hold more than a batch of frames, some 64 MB.

    Raises:
        Misconfigured: As ``read_frames``; frames may have been given before.
    """
    # Netpbm pictures carry their own sizes, which a separate probe would have to be asked for.
    node = ffmpeg.input(f"file:{path}", protocol_whitelist="file,pipe", threads=1).output(
        "pipe:", format="image2pipe", vcodec="ppm", pix_fmt="rgb24", fps_mode="passthrough"
    )
    command = ffmpeg.compile(node.global_args("-v", "error", "-nostdin"), cmd=ffmpeg_binary())
    with tempfile.TemporaryFile() as said:
        process = _started(command, said)
        late = Event()
        clock = Timer(_SECONDS, _end, (process, late))
        clock.start()
        empty = True
        try:
            if process.stdout is not None:
                for batch in _batches(process.stdout):
                    empty = False
                    yield batch
            status = process.wait()
        finally:
            clock.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if late.is_set():
            raise Misconfigured(
                f"{path.name} was not decoded within {_SECONDS:g} seconds; see what holds the "
                "machine up"
            )
        if status or empty:
            said.seek(0)
            reason = said.read().decode(errors="replace").strip()
            raise Misconfigured(f"{path.name} cannot be decoded: {reason or 'it has no frames'}")


def _started(command: list[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
    except OSError as error:
        raise Misconfigured(
            f"{command[0]} does not run: {error.strerror}; install another ffmpeg"
        ) from error


def _end(process: subprocess.Popen[bytes], late: Event) -> None:
    late.set()
    process.kill()


def _batches(pipe: IO[bytes]) -> Iterator[Frames]:
    """Yield a run of equally large binary PPM pictures as arrays of several."""
    first = b"".join(pipe.readline() for _ in range(3))
    if not first:
        return
    magic, width, height, top = first.split()
    if magic != _MAGIC or top != b"255":
        raise Misconfigured("ffmpeg gave something other than 8-bit PPM pictures")
    columns, rows = int(width), int(height)
    stride = len(first) + rows * columns * 3
    wanted = max(1, _BATCH_BYTES // stride) * stride
    held = first
    while held := held + pipe.read(wanted - len(held)):
        # What a decoder that failed left of its last picture is dropped; its status tells.
        whole = len(held) // stride * stride
        pictures = np.frombuffer(held[:whole], np.uint8).reshape(-1, stride)[:, len(first) :]
        if len(pictures):
            yield np.ascontiguousarray(pictures).reshape(-1, rows, columns, 3)
        held = b""
