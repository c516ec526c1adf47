"""Conditioning media prepared as the model's training data were: cropped, blurred, compressed.

The reference (Lightricks/LTX-Video, ``crf_compressor.py``) makes an H.264 file of every frame on
its own. Here one all-intra stream gives the same pictures, bit for bit, in one ffmpeg process.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import ffmpeg
from pydantic import Field

from ltxv.errors import Loc, Misconfigured, Refused
from ltxv.frozen import Frozen
from ltxv.media.content import content_of, reading, unreadable
from ltxv.media.ffmpeg_run import FfmpegFailed, run_ffmpeg
from ltxv.media.limits import DEFAULT_LIMITS
from ltxv.media.picture import read_picture

_SECONDS = 900.0
_RATE = 25
"""Frame rate written into prepared files; only the order of their frames matters."""
_SLACK = 2000
"""Microseconds by which a frame may be late."""

# The separable Gaussian of 3 taps, sigma 1 (0.2741, 0.4519, 0.2741), in millionths.
_BLUR = "75114 123841 75114 123841 204180 123841 75114 123841 75114"
_BLUR_SCALE = 1e-6
_ROUND_UP = 0.499

# A stream of one frame at 1 frame/s, as the reference encodes, gets the QP
#   crf + 13.5 (1 - 0.6) + 6 log2((0.04 s / 1 s) ** (1 - 0.6))  =  crf - 5.745
# of x264's macroblock tree (ratecontrol.c: mbtree_offset, get_qscale with BASE_FRAME_DURATION).
# With qcomp 1 every frame of a stream gets QP crf; a zone over all of it divides the quantiser
# scale, 2 ** (QP / 6), by the rest. A lower crf would do it too, but becomes lossless below 1.
_QUANTISER = 25**0.4 / 2**0.9
_EVERY_FRAME_ALONE = f"keyint=1:qcomp=1:mbtree=0:zones=0,1000000,b={_QUANTISER:.6f}"


class CompressWork(Frozen):
    """What is done to one conditioning item. The version of ffmpeg decides its bytes too."""

    kind: Literal["image", "video"]
    aspect: tuple[int, int] = Field(
        description="Width and height of the clip that is made; the item is cropped to their ratio."
    )
    crf: int = Field(ge=0, le=51, description="x264's constant rate factor; 0 keeps all detail.")
    take: int = Field(default=1, ge=1, description="Frames of the source that are used.")
    reverse: bool = Field(default=False, description="Whether those are used backwards.")
    source_frame_rate: float = Field(default=0, ge=0, description="Of the source; 0 for a picture.")
    frame_rate: float | None = Field(
        default=None, gt=0, description="Rate the source is brought to; none keeps its frames."
    )
    frames: int = Field(default=1, ge=1, description="Frames of the result.")
    threads: int = Field(default=1, ge=1, description="x264's output depends on it.")


def compress(source: Path, target: Path, work: CompressWork, *, loc: Loc) -> None:
    """Trim, reverse, resample, crop, blur and compress one picture or clip.

    The scale of the pixels stays the source's; each pass resizes for itself.

    Args:
        source: A file of a stranger that ``probe`` has let pass.
        target: A Matroska file of exactly ``work.frames`` frames; replaced if it is there.
        work: What is done.
        loc: Field of the request, for errors.

    Raises:
        Refused: It cannot be decoded, or has fewer frames than the work needs.
        Misconfigured: The disk is full, or there is no ffmpeg that runs.
    """
    content = content_of(source, expect=work.kind, loc=loc)
    stdin: Iterator[bytes] | None = None
    if work.kind == "image":
        frames = read_picture(source, content, limits=DEFAULT_LIMITS, loc=loc).frames
        _, height, width, _ = frames.shape
        stream = ffmpeg.input("pipe:", f="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}")
        stdin = iter([frames.tobytes()])
    else:
        options = reading(content, max_pixels=DEFAULT_LIMITS.max_clip_pixels)
        clip = ffmpeg.input(f"file:{source}", threads=1, **options)
        stream = _timed(clip["V:0"], work)
    with tempfile.TemporaryDirectory(prefix="ltx-") as folder:
        progress = Path(folder) / "progress"
        try:
            run_ffmpeg(
                _output(_prepared(stream, work), target, work).global_args(
                    "-progress", f"file:{progress}"
                ),
                stdin=stdin,
                timeout_seconds=_SECONDS,
            )
        except FfmpegFailed as error:
            raise _failure(error, work, loc) from error
        _check_count(progress, work, loc)


def _timed(stream: Any, work: CompressWork) -> Any:
    """Return the frames that are used, in their order and at their rate."""
    # All frames between trim and reverse are in memory; without a new rate the rest is not needed.
    first = max(0, work.take - work.frames) if work.reverse and work.frame_rate is None else 0
    stream = stream.filter("trim", start_frame=first, end_frame=work.take)
    stream = stream.filter("setpts", "PTS-STARTPTS")
    if work.reverse:
        stream = stream.filter("reverse")
    if work.frame_rate is not None:
        # A frame of the new rate is the last one that had begun by its time. Rounding to nearest
        # would skip the first frame of a fast clip; without slack, times in whole milliseconds,
        # as WebM has, would lose frames.
        stream = stream.filter("settb", "1/1000000").filter("setpts", f"PTS-{_SLACK}")
        stream = stream.filter("fps", fps=work.frame_rate, round="up")
    stream = stream.filter("settb", f"1/{_RATE}").filter("setpts", "N").filter("fps", fps=_RATE)
    # A resampler may fall short at the end by what one source frame lasted.
    missing = math.ceil((work.frame_rate or 0) / (work.source_frame_rate or 1)) + 1
    return stream.filter("tpad", stop=missing, stop_mode="clone")


def _prepared(stream: Any, work: CompressWork) -> Any:
    """Return the frames cropped and blurred, in planar RGB, where a crop may be odd."""
    # Pixels that are not square, as in DV and old television, are made so.
    stream = stream.filter("scale", w="max(1,round(iw*sar))", h="ih", flags="bicubic")
    stream = stream.filter("format", "gbrp").filter("crop", **_crop(work), exact=1)
    if work.crf == 0:
        return _blurred(stream)
    # The reference cuts fractions off. The filter rounds to nearest, and takes no negative bias:
    # rounding the negative up is the same.
    return _blurred(stream.filter("negate"), bias=_ROUND_UP).filter("negate")


def _blurred(stream: Any, *, bias: float = 0.0) -> Any:
    planes = {
        f"{plane}{option}": value
        for plane in range(3)
        for option, value in (("m", _BLUR), ("rdiv", _BLUR_SCALE), ("bias", bias))
    }
    return stream.filter("convolution", **planes)


def _crop(work: CompressWork) -> dict[str, str]:
    """Return the centred crop to the target's aspect ratio, with the reference's own rounding.

    It truncates the cropped side, then halves the rest; the codec drops an odd last row or
    column, which CRF 0 keeps.
    """
    width, height = work.aspect
    ratio = f"({width}/{height})"
    across = f"if(gt(iw/ih,{ratio}),floor(ih*{ratio}),iw)"
    down = f"if(gt(iw/ih,{ratio}),ih,floor(iw/{ratio}))"
    kept = "{}" if work.crf == 0 else "2*floor(({})/2)"
    return {
        "w": kept.format(across),
        "h": kept.format(down),
        "x": f"floor((iw-({across}))/2)",
        "y": f"floor((ih-({down}))/2)",
    }


def _output(stream: Any, target: Path, work: CompressWork) -> Any:
    options = {"f": "matroska", "fps_mode": "passthrough", "frames:v": work.frames}
    # Without a date or a random identifier equal work gives equal bytes.
    options |= {"fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1}
    options |= {"threads": work.threads, "filter_threads": 1}
    if work.crf == 0:
        return stream.output(f"file:{target}", vcodec="ffv1", pix_fmt="bgr0", **options)
    matrix = {"out_color_matrix": "bt601", "out_range": "tv", "flags": "bilinear"}
    return stream.filter("scale", **matrix).output(
        f"file:{target}",
        vcodec="libx264",
        pix_fmt="yuv420p",
        preset="veryfast",
        crf=work.crf,
        **{"x264-params": _EVERY_FRAME_ALONE},
        **options,
    )


def _check_count(progress: Path, work: CompressWork, loc: Loc) -> None:
    counts = [
        int(line.removeprefix("frame="))
        for line in progress.read_text().splitlines()
        if line.startswith("frame=")
    ]
    made = counts[-1] if counts else 0
    if made != work.frames:
        raise Refused.because(
            loc,
            f"gives {made} frames where {work.frames} are needed; send a longer or a whole clip",
            type="video_duration_too_short",
            min_frames=work.frames,
        )


def _failure(error: FfmpegFailed, work: CompressWork, loc: Loc) -> Exception:
    if error.disk_full:
        return Misconfigured(
            f"conditioning media cannot be prepared: {error.said}; free some space"
        )
    return Refused.because(
        loc,
        f"cannot be prepared: {error.said}; send it as PNG or as an H.264 MP4",
        type=unreadable(work.kind),
    )
