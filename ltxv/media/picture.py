"""A stranger's picture or animation, decoded upright in a process that can be killed.

The readers behind Pillow are C libraries; a file that crashes one, or would have it allocate
without end, must cost no more than its own request.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from ltxv.errors import Loc, Misconfigured, Refused
from ltxv.media.confine import confine
from ltxv.media.content import Content, unreadable, unsupported
from ltxv.media.limits import MediaLimits, check_size

_PROGRAM = Path(__file__).with_name("picture_program.py")
_MEMORY = 4 * 2**30
_CHUNK = 2**20
_LONGEST_LINE = 2**20
_SAID = 200


class Picture(NamedTuple):
    """What a picture is as displayed, and by how many degrees, counter-clockwise, it was turned."""

    width: int
    height: int
    rotation: int


class Animation(NamedTuple):
    """What an animation is, and for how many milliseconds each frame is shown."""

    width: int
    height: int
    durations: Sequence[int]


class Shown(NamedTuple):
    """A picture or an animation, and its pixels: 8-bit sRGB, upright, frame after frame."""

    facts: Picture | Animation
    pixels: IO[bytes]


class _Job(NamedTuple):
    path: Path
    content: Content
    limits: MediaLimits
    loc: Loc

    @property
    def most(self) -> int:
        """How many pixels a frame may have."""
        image = self.content.kind == "image"
        return self.limits.max_pixels if image else self.limits.max_clip_pixels

    def command(self, *, pixels: bool) -> list[str]:
        """Return what starts the program on this file."""
        task = "animation" if self.content.kind == "video" else "pixels" if pixels else "look"
        asked = [str(self.path.absolute()), self.content.reader, str(self.most), task]
        # -P: the program's folder has names, such as "header", that are not there to be imported.
        return [sys.executable, "-P", str(_PROGRAM), *asked, str(self.limits.max_frames)]


def look_at(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> Picture | Animation:
    """Decode a picture, the first of several, or all frames of an animation, and say what it is.

    Raises:
        Refused: It is damaged, cut off, too large, too small, too long or too deep.
        Misconfigured: No process can be started.
    """
    with _told(_Job(path, content, limits, loc), pixels=False) as shown:
        return shown.facts


@contextmanager
def shown(path: Path, content: Content, *, limits: MediaLimits, loc: Loc) -> Iterator[Shown]:
    """Give the pixels of a picture, or of all frames of an animation, as a screen shows them.

    EXIF orientation is applied, colour profiles and print colours are converted to sRGB, deeper
    channels are cut to 8 bits, and what is transparent is shown on white.

    Raises:
        Refused: As ``look_at`` says.
        Misconfigured: No process can be started.
    """
    with _told(_Job(path, content, limits, loc), pixels=True) as told:
        yield told


@contextmanager
def _told(job: _Job, *, pixels: bool) -> Iterator[Shown]:
    """Start the program, give what it says, and end it."""
    try:
        process = subprocess.Popen(
            job.command(pixels=pixels),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise Misconfigured(f"no process can be started: {error.strerror}; free memory") from error
    confine(process, memory=_MEMORY)
    clock = threading.Timer(job.limits.max_decode_seconds, process.kill)
    clock.start()
    try:
        if process.stdout is None:
            raise Misconfigured("a process was started without its output")
        yield Shown(_facts(process.stdout.readline(_LONGEST_LINE), job), process.stdout)
    finally:
        clock.cancel()
        process.kill()
        process.communicate()


def _facts(line: bytes, job: _Job) -> Picture | Animation:
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        told = {"damaged": "its reader gave up"}
    if "damaged" in told:
        raise _damaged(str(told["damaged"]), job)
    if "unfit" in told:
        raise _unfit(told["unfit"], job)
    check_size(told["width"], told["height"], most=job.most, limits=job.limits, loc=job.loc)
    return Picture(**told) if job.content.kind == "image" else Animation(**told)


def _damaged(said: str, job: _Job) -> Refused:
    kind = "a picture" if job.content.kind == "image" else "an animation"
    reason = said.replace(str(job.path.absolute()), "the file")[:_SAID]
    where = f" ({reason})" if reason else " near its beginning"
    return Refused.because(
        job.loc,
        f"is {kind} that is damaged or cut off{where}; send it again, whole",
        type=unreadable(job.content.kind),
    )


def _unfit(why: Sequence[Any], job: _Job) -> Refused:
    reason, *values = why
    if reason == "many":
        return Refused.because(
            job.loc,
            f"has {values[0]:,} pixels; at most {job.most:,} are allowed. Send a smaller version",
            type="image_too_large",
            max_resolution=job.most,
        )
    if reason == "large":
        try:
            check_size(*values, most=job.most, limits=job.limits, loc=job.loc)
        except Refused as refused:
            return refused
    if reason == "long":
        most = job.limits.max_frames
        said = f"has more than {most} frames; send a shorter animation"
        return Refused.because(job.loc, said, type="video_duration_too_long", max_frames=most)
    return Refused.because(
        job.loc,
        "is a picture of 32 bits a channel, whose white is unknown; export it with 8 or 16",
        type=unsupported(job.content.kind),
    )
