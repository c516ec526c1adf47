"""ffmpeg and ffprobe: there, with all that is used of them, and at work."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from deployments.doctor.check import Findings
from deployments.doctor.house import House
from ltxv.errors import Misconfigured
from ltxv.media.binaries import ffmpeg_binary, ffmpeg_version, ffprobe_binary
from ltxv.media.probe import probe
from ltxv.media.write import write_video

_SECONDS = 30
_REMEDY = "unset LTX_FFMPEG and LTX_FFPROBE to use the ones that came with LTX Flows"
_NEEDED = {
    "encoders": ("libx264",),
    "demuxers": ("avi", "gif", "matroska", "mov", "rawvideo"),
    "filters": (
        *("bwdif", "convolution", "crop", "format", "fps", "negate", "premultiply", "reverse"),
        *("scale", "setparams", "setpts", "setsar", "settb", "tonemap", "tpad", "trim", "zscale"),
    ),
}
_NAME = re.compile(r"^ [A-Z.| ]+ +([a-z0-9_,]+) ", re.MULTILINE)


def check_media_tools(_: House) -> Findings:
    """Find both programs, ask ffmpeg what it can do, and have a small clip made and probed."""
    found = Findings()
    with found.of("ffmpeg", remedy=_REMEDY):
        found.ok("ffmpeg", ffmpeg_version())
    with found.of("ffprobe", remedy=_REMEDY):
        found.ok("ffprobe", _said(ffprobe_binary(), "-version").partition("\n")[0])
    with found.of("ffmpeg features", remedy=_REMEDY):
        lacking = [name for kind in _NEEDED for name in _lacking(kind)]
        if lacking:
            raise Misconfigured(f"ffmpeg has no {', '.join(lacking)}; {_REMEDY}")
        found.ok("ffmpeg features", "every encoder, filter and demuxer that is used")
    with found.of("encode and probe", remedy=_REMEDY):
        found.ok("encode and probe", _encoded())
    return found


def _lacking(kind: str) -> list[str]:
    listed = _NAME.findall(_said(ffmpeg_binary(), "-hide_banner", f"-{kind}"))
    there = {name for names in listed for name in names.split(",")}
    return [f"{name} ({kind[:-1]})" for name in _NEEDED[kind] if name not in there]


def _said(*command: str) -> str:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Misconfigured(f"{command[0]} does not run: {error}; {_REMEDY}") from error


def _encoded() -> str:
    with tempfile.TemporaryDirectory(prefix="ltx-") as folder:
        clip = Path(folder) / "clip.mp4"
        write_video(np.full((9, 64, 64, 3), 128, np.uint8), clip, frame_rate=8)
        facts = probe(clip, loc=("clip",), expect="video")
    return f"{facts.frames} frames of {facts.width}x{facts.height} written and read"
