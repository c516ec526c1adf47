"""The filters and the codec that make a conditioning item what the training data were.

The reference (Lightricks/LTX-Video, ``crf_compressor.py``) makes an H.264 file of every frame on
its own. Here one all-intra stream gives the same pictures, bit for bit, in one ffmpeg process.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ltxv.media.compress_work import CompressWork

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
# Measured against the reference's own way, PyAV 18.1 writing one-frame files with one thread: the
# decoded planes are equal in every bit at CRF 1, 2, 3, 5, 20, 29, 35 and 51, on gradients, noise,
# texture, flat colour and photos. With a first frame's usual QP, crf - 2.913, noise, texture and
# photos agree to no more than 25 to 39 dB at CRF 35.
_QUANTISER = 25**0.4 / 2**0.9
_EVERY_FRAME_ALONE = f"keyint=1:qcomp=1:mbtree=0:zones=0,1000000,b={_QUANTISER:.6f}"


def timed(stream: Any, work: CompressWork) -> Any:
    """Return the frames that are used, in their order and at their rate."""
    first = max(0, work.take - work.frames) if work.reverse and work.frame_rate is None else 0
    if work.even:
        stream = _evened(stream, work)
    stream = stream.filter("trim", start_frame=first, end_frame=work.take)
    stream = stream.filter("settb", "1/1000000").filter("setpts", "PTS-STARTPTS")
    if work.frame_rate is not None:
        stream = _resampled(stream, work, work.frame_rate)
    stream = stream.filter("settb", f"1/{_RATE}").filter("setpts", "N").filter("fps", fps=_RATE)
    # A resampler may fall short at the end by what one source frame lasted.
    missing = math.ceil((work.frame_rate or 0) / (work.source_frame_rate or 1)) + 1
    stream = stream.filter("tpad", stop=missing, stop_mode="clone")
    if not work.reverse:
        return stream
    # Reversing holds its frames in memory, so it is given no others than come out.
    return stream.filter("trim", end_frame=work.frames).filter("reverse")


def prepared(stream: Any, work: CompressWork) -> Any:
    """Return the frames cropped and blurred, in planar RGB, where a crop may be odd."""
    stream = stream.filter("crop", **_crop(work), exact=1)
    if work.crf == 0:
        return _blurred(stream)
    # The reference cuts fractions off. The filter rounds to nearest, and takes no negative bias:
    # rounding the negative up is the same.
    stream = _blurred(stream.filter("negate"), bias=_ROUND_UP).filter("negate")
    # The codec drops an odd last row or column, after it has been blurred into its neighbour.
    return stream.filter("crop", w="2*floor(iw/2)", h="2*floor(ih/2)", x=0, y=0)


def written(stream: Any, target: Path, work: CompressWork) -> Any:
    """Return the encoding of the frames into a Matroska file."""
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


def _evened(stream: Any, work: CompressWork) -> Any:
    """Return what is to be seen at each tick of the clip's steady rate.

    A tick is about as long as the shortest frame, so that the nearest tick is a frame's own.
    """
    stream = stream.filter("settb", "1/1000000").filter("setpts", "PTS-STARTPTS")
    stream = stream.filter("fps", fps=work.source_frame_rate, round="near", start_time=0)
    # The last frame's length may be lost on the way; what is too much is trimmed off again.
    return stream.filter("tpad", stop=work.take, stop_mode="clone")


def _resampled(stream: Any, work: CompressWork, rate: float) -> Any:
    """Return the frames to be seen at each tick of a new rate: the last that had begun by then.

    Rounding to nearest would skip the first frame of a fast clip; without slack, times in whole
    milliseconds, as WebM has, would lose frames. If the order is reversed afterwards, the ticks
    are those that end with the last frame used.
    """
    start = 0.0
    if work.reverse and work.source_frame_rate:
        start = (work.take - 1) / work.source_frame_rate - (work.frames - 1) / rate
    shift = _SLACK + round(start * 1_000_000)
    stream = stream.filter("setpts", f"PTS-({shift})")
    return stream.filter("fps", fps=rate, round="up", start_time=0)


def _blurred(stream: Any, *, bias: float = 0.0) -> Any:
    planes = {
        f"{plane}{option}": value
        for plane in range(3)
        for option, value in (("m", _BLUR), ("rdiv", _BLUR_SCALE), ("bias", bias))
    }
    return stream.filter("convolution", **planes)


def _crop(work: CompressWork) -> dict[str, str]:
    """Return the centred crop to the target's aspect ratio, with the reference's own rounding.

    It truncates the cropped side, then halves the rest.
    """
    width, height = work.aspect
    ratio = f"({width}/{height})"
    across = f"if(gt(iw/ih,{ratio}),floor(ih*{ratio}),iw)"
    down = f"if(gt(iw/ih,{ratio}),ih,floor(iw/{ratio}))"
    return {
        "w": across,
        "h": down,
        "x": f"floor((iw-({across}))/2)",
        "y": f"floor((ih-({down}))/2)",
    }
