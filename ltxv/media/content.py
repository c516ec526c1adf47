"""What a file is, decided by its first bytes and never by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ltxv.errors import Loc, Refused
from ltxv.frozen import Frozen

Kind = Literal["image", "video"]

_HEAD = 4096
_ALIGNMENT = 128
MAX_TRACKS = 64
"""ffmpeg opens a decoder for every track of a file before it is told which one is of interest."""

_CLIP_DECODERS = (
    "h264,hevc,vvc,vp8,libvpx,vp9,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,msmpeg4,msmpeg4v2,"
    "mpeg2video,mpeg1video,h263,wmv1,wmv2,theora,mjpeg,prores,dnxhd,cfhd,ffv1,ffvhuff,huffyuv,"
    "utvideo,qtrle,rawvideo,gif,png,bmp,webp"
)
"""What a clip's pictures, cover art included, may be compressed with.

ffmpeg has two hundred decoders, most of them for games of the nineties, and one (librsvg) that
reads other files; a decoder that nobody sends is only a risk.
"""


class Content(Frozen):
    """A type of file that can condition a video."""

    kind: Kind
    content_type: str
    reader: str
    """Pillow's name of the format for a picture or an animation, ffmpeg's demuxer for a clip."""

    by_pillow: bool = True
    """Whether Pillow reads it, rather than ffmpeg."""


JPEG = Content(kind="image", content_type="image/jpeg", reader="JPEG")
PNG = Content(kind="image", content_type="image/png", reader="PNG")
WEBP = Content(kind="image", content_type="image/webp", reader="WEBP")
WEBP_CLIP = Content(kind="video", content_type="image/webp", reader="WEBP")
HEIC = Content(kind="image", content_type="image/heic", reader="HEIF")
BMP = Content(kind="image", content_type="image/bmp", reader="BMP")
TIFF = Content(kind="image", content_type="image/tiff", reader="TIFF")
AVIF = Content(kind="image", content_type="image/avif", reader="AVIF")
GIF = Content(kind="image", content_type="image/gif", reader="GIF")
GIF_CLIP = Content(kind="video", content_type="image/gif", reader="gif", by_pillow=False)
MP4 = Content(kind="video", content_type="video/mp4", reader="mov", by_pillow=False)
QUICKTIME = Content(kind="video", content_type="video/quicktime", reader="mov", by_pillow=False)
MATROSKA = Content(
    kind="video", content_type="video/x-matroska", reader="matroska", by_pillow=False
)
WEBM = Content(kind="video", content_type="video/webm", reader="matroska", by_pillow=False)
AVI = Content(kind="video", content_type="video/x-msvideo", reader="avi", by_pillow=False)

_PREFIXES = {
    b"\xff\xd8\xff": JPEG,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"GIF87a": GIF,
    b"GIF89a": GIF,
    b"BM": BMP,
    b"II*\0": TIFF,
    b"MM\0*": TIFF,
}
_RIFF = {b"WEBP": WEBP, b"AVI ": AVI}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_ANIMATED = 2
_EBML = b"\x1aE\xdf\xa3"

_LISTED = {
    "image": "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC",
    "video": "MP4, MOV, WebM, MKV, AVI or animated GIF or WebP",
}
_UNREADABLE = {"image": "image_load_error", "video": "unsupported_video_format"}
_UNSUPPORTED = {"image": "unsupported_image_format", "video": "unsupported_video_format"}
_NOUN = {"image": "a picture", "video": "a clip"}


def content_of(path: Path, *, expect: Kind, loc: Loc) -> Content:
    """Return what ``path`` is, if it is of the kind that is expected.

    Args:
        path: A file of a stranger.
        expect: What the request says it is. A GIF is either, and so is a WebP that moves.
        loc: Field of the request, for the error.

    Raises:
        Refused: It is empty, of the other kind, or nothing on the list of supported types.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = _recognised(head)
    if found is None:
        raise Refused.because(loc, _what_else(head, expect), type=_type_of(head, expect))
    if found is GIF and expect == "video":
        return GIF_CLIP
    if found is WEBP and expect == "video" and _moves(head):
        return WEBP_CLIP
    if found.kind != expect:
        raise Refused.because(
            loc,
            f"is {_NOUN[found.kind]} ({found.content_type}) where {_NOUN[expect]} is expected; "
            f"send it under {found.kind}s, or send {_LISTED[expect]}",
            type=_UNSUPPORTED[expect],
        )
    return found


def unreadable(expect: Kind) -> str:
    """Return the endpoint's error type for a file of this kind that cannot be decoded."""
    return _UNREADABLE[expect]


def unsupported(expect: Kind) -> str:
    """Return the endpoint's error type for a file of this kind that is whole and of no use."""
    return _UNSUPPORTED[expect]


def reading(content: Content, *, max_pixels: int) -> dict[str, Any]:
    """Return options that keep ffmpeg and ffprobe to this clip's own bytes and few decoders.

    A playlist, a script or a subtitle file can name other files and URLs; with the demuxer fixed
    and the protocols closed none of them is ever followed. A clip's frames may grow after its
    header was read; the decoders are held to a bound of about twice ``max_pixels``.
    """
    return {
        "f": content.reader,
        "format_whitelist": content.reader,
        "protocol_whitelist": "file,pipe",
        # Of pictures only: ffprobe gives up on a clip whose sound has a decoder that is not listed.
        "codec_whitelist:v": _CLIP_DECODERS,
        "max_streams": MAX_TRACKS,
        # Decoders count what they allocate, sides rounded up to 64 or so.
        "max_pixels": 2 * max_pixels + _ALIGNMENT**2,
    }


def _recognised(head: bytes) -> Content | None:
    for prefix, content in _PREFIXES.items():
        if head.startswith(prefix):
            return content
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(_EBML):
        return WEBM if b"webm" in head[:64] else MATROSKA
    return _iso_media(head)


def _moves(webp: bytes) -> bool:
    """Say whether a WebP is an animation, by the flags of its extended header."""
    return webp[12:16] == b"VP8X" and bool(webp[20:21] and webp[20] & _ANIMATED)


def _iso_media(head: bytes) -> Content | None:
    """Return what a file of the MP4 family is."""
    box, brand = head[4:8], head[8:12]
    if box != b"ftyp":
        return QUICKTIME if box in _QUICKTIME_BOXES else None
    if brand in _AVIF_BRANDS or (brand in _HEIF_BRANDS and b"avif" in head[:64]):
        return AVIF
    if brand in _HEIF_BRANDS:
        return HEIC
    return QUICKTIME if brand == b"qt  " else MP4


def _what_else(head: bytes, expect: Kind) -> str:
    listed = f"send {_LISTED[expect]}"
    if not head:
        return f"is an empty file; {listed}"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return f"is a web page, not {_NOUN[expect]}; use the address of the file itself: {listed}"
    if start.startswith((b"<svg", b"<?xml")):
        return f"is an SVG or XML document; export it as PNG: {listed}"
    if start.startswith((b"#extm3u", b"ffconcat", b"<mpd")):
        return f"is a playlist, which is not followed; send the clip itself: {listed}"
    return f"is not a known type of file; {listed}"


def _type_of(head: bytes, expect: Kind) -> str:
    known_but_unsupported = head.lstrip()[:4].lower() in {b"<svg", b"<?xm"}
    return (_UNSUPPORTED if known_but_unsupported else _UNREADABLE)[expect]
