"""A clip in memory."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import ffmpeg
import numpy as np

from ltxv.engine import Frames
from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary

_MAGIC = b"P6"
_SECONDS = 600.0


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
    # Netpbm pictures carry their own sizes, which a separate probe would have to be asked for.
    node = ffmpeg.input(f"file:{path}", protocol_whitelist="file,pipe", threads=1).output(
        "pipe:", format="image2pipe", vcodec="ppm", pix_fmt="rgb24", fps_mode="passthrough"
    )
    command = ffmpeg.compile(node.global_args("-v", "error", "-nostdin"), cmd=ffmpeg_binary())
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise Misconfigured(
                f"{path.name} was not decoded within {_SECONDS:g} seconds; see what holds the "
                "machine up"
            ) from error
        except OSError as error:
            raise Misconfigured(
                f"{command[0]} does not run: {error.strerror}; install another ffmpeg"
            ) from error
        said.seek(0)
        reason = said.read().decode(errors="replace").strip()
    frames = _pictures(done.stdout)
    if done.returncode or not len(frames):
        raise Misconfigured(f"{path.name} cannot be decoded: {reason or 'it has no frames'}")
    return frames


def _pictures(content: bytes) -> Frames:
    """Return a run of equally large binary PPM pictures as one array."""
    if not content:
        return np.empty((0, 0, 0, 3), np.uint8)
    magic, width, height, top = content[:64].split(maxsplit=4)[:4]
    if magic != _MAGIC or top != b"255":
        raise Misconfigured("ffmpeg gave something other than 8-bit PPM pictures")
    columns, rows = int(width), int(height)
    header = len(b"%s\n%d %d\n255\n" % (_MAGIC, columns, rows))
    stride = header + rows * columns * 3
    pictures = np.frombuffer(content, np.uint8).reshape(-1, stride)[:, header:]
    return np.ascontiguousarray(pictures).reshape(-1, rows, columns, 3)
