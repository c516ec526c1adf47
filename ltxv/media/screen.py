"""A clip's frames as a screen shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ffmpeg

from ltxv.media.header import read_header

_SHOW = "stream=codec_name,pix_fmt,width,height,color_space,color_transfer:stream_tags=alpha_mode"
_HDR = {"smpte2084", "arib-std-b67"}
_ALPHA = ("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "pal8")
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""ffmpeg's own decoders of these two leave the alpha out."""

_HD_WIDTH, _HD_HEIGHT = 1280, 576
_WHITE_NITS = 203
"""How bright HDR shows white paper (ITU-R BT.2408); it becomes about 7/8 of an SDR screen's."""

_PEAK = 1000 / _WHITE_NITS


def on_screen(clip: Path, options: Mapping[str, Any]) -> Any:
    """Return the frames of a clip in planar RGB of 8 bits, as ffmpeg's filters make them.

    Interlaced frames are deinterlaced, HDR (PQ and HLG) is tone mapped, pixels that are not square
    are made so, and what is transparent is shown on white. ffmpeg turns frames upright by itself.

    Args:
        clip: A file that ``probe`` has let pass.
        options: Input options that hold ffmpeg to the clip's own bytes.

    Raises:
        Unreadable: Its header cannot be read.
        Misconfigured: There is no ffprobe that runs.
    """
    streams = read_header(clip, show=_SHOW, reading=options).get("streams") or [{}]
    facts: dict[str, Any] = streams[0]
    decoder = _alpha_decoder(facts)
    more = {"codec:v": decoder} if decoder else {}
    stream = ffmpeg.input(f"file:{clip}", threads=1, **options, **more)["V:0"]
    # Frames that are not marked as interlaced pass as they are.
    stream = stream.filter("bwdif", mode="send_frame", deint="interlaced")
    if facts.get("color_transfer") in _HDR:
        stream = _tone_mapped(stream)
    # Pixels that are not square, as in DV and old television, are made so.
    stream = stream.filter("scale", w="max(1,round(iw*sar))", h="ih", **_colours(facts))
    stream = stream.filter("setsar", 1)
    if decoder or str(facts.get("pix_fmt", "")).startswith(_ALPHA):
        return _on_white(stream)
    return stream.filter("format", "gbrp")


def _alpha_decoder(facts: Mapping[str, Any]) -> str | None:
    if facts.get("tags", {}).get("alpha_mode") != "1":
        return None
    return _ALPHA_DECODERS.get(str(facts.get("codec_name")))


def _colours(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return options of the conversion to RGB; players take HD that states no matrix for BT.709."""
    large = facts.get("width", 0) >= _HD_WIDTH or facts.get("height", 0) > _HD_HEIGHT
    untold = facts.get("color_space", "unknown") == "unknown"
    matrix = {"in_color_matrix": "bt709"} if large and untold else {}
    return {"flags": "bicubic", **matrix}


def _tone_mapped(stream: Any) -> Any:
    """Return HDR frames with the range of SDR: what is darker than paper nearly as it was."""
    stream = stream.filter("zscale", transfer="linear", npl=_WHITE_NITS)
    stream = stream.filter("format", "gbrpf32le").filter("zscale", primaries="bt709")
    stream = stream.filter("tonemap", tonemap="mobius", peak=_PEAK, desat=0)
    return stream.filter("zscale", transfer="bt709", range="full").filter("format", "gbrp")


def _on_white(stream: Any) -> Any:
    """Return transparent frames on white: premultiplying is on black, which is its negative."""
    stream = stream.filter("format", "gbrap").filter("negate").filter("premultiply", inplace=1)
    return stream.filter("format", "gbrp").filter("negate")
