"""What strangers send, through the whole flow: each case with what has to become of it."""

from __future__ import annotations

import base64
import getpass
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prefect import flow

from blocks.internet import FetchLimits
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from flows.prepare import prepare
from ltxv.engine import Frames
from ltxv.engine_options import EngineOptions
from ltxv.errors import Refused, Transient
from ltxv.media.frames import read_frames
from ltxv.refs import MediaRef
from tasks.fetch_media import fetch_media
from tests.flows.conftest import House, small_request
from tests.media_samples import BARS, X264, clip, picture, png, quarters, remade
from tests.strangers import media as hostile
from tests.strangers.server import StrangerServer

PHOTO = picture(quarters().resize((480, 320)), "JPEG")
LIMIT = 4 * 2**20
LITTLE, HASTE = 50_000, 0.3
MOST_ITEMS = 16


@dataclass(frozen=True)
class Case:
    """What is sent, and the one error that it ends in."""

    name: str
    sent: str | bytes | Callable[[], bytes]
    """A URL, in which {port} is that of the server, the only one that is trusted; or a file."""
    word: str
    type: str = "file_download_error"
    kind: str = "image"
    passing: bool = False
    """Whether the fault may pass, so that it is tried again before it is reported."""

    impatient: bool = False
    """Whether the store is one that waits for a moment only and takes small files."""


def url(name: str, sent: str, word: str, **more: Any) -> Case:
    """Return a case of a URL."""
    return Case(name, sent, word, **more)


def server(name: str, word: str, **more: Any) -> Case:
    """Return a case of a server that does what the name says."""
    return Case(f"server-{name}", f"http://127.0.0.1:{{port}}/{name}", word, **more)


def image(name: str, sent: bytes | Callable[[], bytes], word: str, type: str) -> Case:
    """Return a case of a file sent as a picture."""
    return Case(f"image-{name}", sent, word, type)


def video(name: str, sent: bytes | Callable[[], bytes], word: str, type: str = "") -> Case:
    """Return a case of a file sent as a clip."""
    return Case(f"video-{name}", sent, word, type or "unsupported_video_format", kind="video")


NOWHERE = "on the public internet"
URLS = [
    url("loopback", "http://127.0.0.1:9998/a.png", NOWHERE),
    url("loopback-name", "http://localhost:9998/a.png", NOWHERE),
    url("loopback-short", "http://127.1:{port}/photo", NOWHERE),
    url("loopback-decimal", "http://2130706433:{port}/photo", NOWHERE),
    url("loopback-hex", "http://0x7f000001:{port}/photo", NOWHERE),
    url("loopback-octal", "http://017700000001:{port}/photo", NOWHERE),
    url("loopback-circled", "http://①②⑦.⓪.⓪.①:9998/photo", NOWHERE),
    url("loopback-6", "http://[::1]:{port}/photo", NOWHERE),
    url("loopback-mapped", "http://[::ffff:127.0.0.1]:{port}/photo", NOWHERE),
    url("loopback-nat64", "http://[64:ff9b::7f00:1]:{port}/photo", NOWHERE),
    url("any-address", "http://0.0.0.0:{port}/photo", NOWHERE),
    url("private-10", "http://10.1.2.3/a.png", NOWHERE),
    url("private-172", "https://172.16.0.1/a.png", NOWHERE),
    url("private-192", "http://192.168.1.1/admin", NOWHERE),
    url("private-6", "http://[fc00::1]/a.png", NOWHERE),
    url("carrier", "http://100.64.0.1/a.png", NOWHERE),
    url("link-local-6", "http://[fe80::1]/a.png", NOWHERE),
    url("metadata-aws", "http://169.254.169.254/latest/meta-data/", NOWHERE),
    url("metadata-aws-decimal", "http://2852039166/latest/meta-data/", NOWHERE),
    url("metadata-aws-mapped", "http://[::ffff:a9fe:a9fe]/latest/", NOWHERE),
    url("metadata-aws-6", "http://[fd00:ec2::254]/latest/meta-data/", NOWHERE),
    url("metadata-gcp", "http://metadata.google.internal/computeMetadata/v1/", NOWHERE),
    url("metadata-alibaba", "http://100.100.100.200/latest/meta-data/", NOWHERE),
    url("multicast", "http://224.0.0.1/a.png", NOWHERE),
    url("multicast-6", "http://[ff02::1]/a.png", NOWHERE),
    url("broadcast", "http://255.255.255.255/a.png", NOWHERE),
    url("name-of-private", "http://inside.example:{port}/photo", NOWHERE),
    url("name-of-both", "http://both.example:{port}/photo", NOWHERE),
    url("name-turned-private", "http://turned.example:{port}/photo", NOWHERE),
    url("password", "http://user:secret@127.0.0.1:{port}/photo", "user name or password"),
    url("host-as-user", "http://127.0.0.1:{port}@10.0.0.1/photo", "user name or password"),
    url("mail-port", "http://images.example:25/a.png", "port 25 is not allowed"),
    url("no-port", "http://images.example:99999/a.png", "port outside"),
    url("ftp", "ftp://images.example/a.png", "scheme 'ftp'"),
    url("file", "file:///etc/passwd", "scheme 'file'"),
    url("gopher", "gopher://127.0.0.1:6379/_FLUSHALL", "scheme 'gopher'"),
    url("concat-protocol", "concat:/etc/passwd|/etc/hosts", "scheme 'concat'"),
    url("bucket-of-others", "s3://somebody-else/a.png", "scheme 's3'"),
    url("path", "/etc/passwd", "it is no URL"),
    url("path-of-the-store", "../outputs/a.png", "it is no URL"),
    url("option", "-i", "it is no URL"),
    url("two-lines", "http://127.0.0.1:{port}/a\r\nX-Evil: 1", "control characters"),
    url("open-bracket", "http://[::1", "it is no URL"),
    url("long", "http://127.0.0.1:{port}/" + "a" * 9000, "characters, more than"),
    url("data-no-comma", "data:image/png;base64", "no comma"),
    url("data-not-base64", "data:image/png;base64,§§§", "percent-encoded"),
    url("data-cut-base64", "data:image/png;base64,iVBO*", "not valid base64"),
    url("data-empty", "data:image/png;base64,", "empty"),
    url("data-page", "data:image/png,<html>x</html>", "a web page", type="image_load_error"),
    url(
        "data-large",
        "data:image/png;base64," + "A" * (LITTLE * 4 // 3 + 8),
        "larger than",
        type="file_too_large",
        impatient=True,
    ),
]
SERVERS = [
    server("to-metadata", NOWHERE),
    server("to-loopback", NOWHERE),
    server("to-mapped", NOWHERE),
    server("to-file", "away from http"),
    server("to-data", "away from http"),
    server("to-ftp", "away from http"),
    server("to-nowhere", "without an address"),
    server("circle", "redirects more than 5 times"),
    server("not-there", "404 Not Found"),
    server("gone", "410 Gone"),
    server("login", "401 Unauthorized"),
    server("forbidden", "403 Forbidden"),
    server("part", "206 Partial Content"),
    server("nothing", "204 No Content"),
    server("busy", "503 Service Unavailable", passing=True),
    server("endless", "larger than", type="file_too_large"),
    server("huge", "larger than", type="file_too_large"),
    server("gzip-bomb", "gzip-encoded"),
    server("breaks-off", "broke off", passing=True),
    server("two-lengths", "broke off", passing=True),
    server("bad-chunks", "broke off", passing=True),
    server("banner", "does not speak HTTP", passing=True),
    server("endless-headers", "does not speak HTTP", passing=True),
    server("trickle", "not finished within", passing=True, impatient=True),
    server("slow-headers", "not finished within", passing=True, impatient=True),
    server("silent", "not finished within", passing=True, impatient=True),
]
UNSUPPORTED, UNREADABLE = "unsupported_image_format", "image_load_error"
PICTURES = [
    image("zero-bytes", b"", "empty", "file_download_error"),
    image("page", b"<!doctype html><img src=x>", "a web page", UNREADABLE),
    image("svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", UNSUPPORTED),
    image("pdf", b"%PDF-1.7\n" + PHOTO, "not a known type", UNREADABLE),
    image("zip", hostile.zipped, "not a known type", UNREADABLE),
    image("program", b"\x7fELF\x02\x01\x01" + bytes(99), "not a known type", UNREADABLE),
    image("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a known type", UNREADABLE),
    image("playlist", b"#EXTM3U\nfile:///etc/passwd\n", "a playlist", UNREADABLE),
    image("clip", hostile.mp4, "send it under videos", UNSUPPORTED),
    image("1x1", picture(Image.new("RGB", (1, 1)), "PNG"), "at least 32", "image_too_small"),
    image("20000x20000", png(20_000, 20_000, b""), "400,000,000", "image_too_large"),
    image("9000x9000", png(9_000, 9_000, b""), "9000x9000", "image_too_large"),
    image("20000x1", png(20_000, 1, bytes(2501)), "at least 32", "image_too_small"),
    image("png-bomb", hostile.pixel_bomb, "900,000,000", "image_too_large"),
    image("gif-bomb", hostile.gif_bomb, "4,294,836,225", "image_too_large"),
    image("webp-bomb", lambda: hostile.webp_bomb(moves=False), "268,402,689", "image_too_large"),
    image("jpeg-bomb", hostile.jpeg_bomb, "4,290,250,000", "image_too_large"),
    image("text-bomb", hostile.text_bomb, "damaged", UNREADABLE),
    image("profile-bomb", hostile.profile_bomb, "damaged", UNREADABLE),
    image("cut-jpeg", PHOTO[: len(PHOTO) // 2], "cut off", UNREADABLE),
    image("cut-png", picture(quarters(), "PNG")[:-30], "cut off", UNREADABLE),
    image("cut-heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "cut off", UNREADABLE),
    image("cut-avif", lambda: picture(quarters(), "AVIF")[:200], "cut off", UNREADABLE),
    image("circular-tiff", hostile.tiff_in_a_circle, "damaged", UNREADABLE),
    image("script-gif", b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)", "damaged", UNREADABLE),
    image("float-tiff", picture(Image.new("F", (64, 64)), "TIFF"), "32 bits", UNSUPPORTED),
]
CLIPS = [
    video("zero-bytes", b"", "empty", "file_download_error"),
    video("hls", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a playlist"),
    video("hls-url", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/photo\n", "a playlist"),
    video("concat", b"ffconcat version 1.0\nfile /etc/passwd\n", "a playlist"),
    video("dash", b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>file:///etc/</BaseURL></MPD>",
          "a playlist"),
    video("sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "not a known type"),
    video("subtitles", b"[Script Info]\n[Fonts]\nfontname: /etc/passwd\n", "not a known type"),
    video("photo", PHOTO, "send it under images"),
    video("still-webp", picture(quarters(), "WEBP"), "send it under images"),
    video("sound", lambda: clip("a.m4a", "-f", "lavfi", "-i", "sine=duration=1"), "no moving"),
    video("cover-art", lambda: hostile.with_cover(sound_only=True), "no moving picture"),
    video("3000-tracks", lambda: hostile.many_streams(3000), "more than 64 tracks"),
    video("2e9-samples", hostile.endless_samples, "damaged or cut off"),
    video("deep-boxes", hostile.deep_boxes, "damaged or cut off"),
    video("2e63-bytes", hostile.lying_size, "no moving picture"),
    video("cut-mp4", lambda: hostile.mp4()[:9000], "cut off"),
    video("cut-mkv", lambda: clip("a.mkv", *BARS, *X264)[:9000], "ends too soon"),
    video("header-only-mkv", b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xfe" + bytes(50), "clip"),
    video("gif-bomb", hostile.gif_bomb, "no size"),
    video("webp-bomb", lambda: hostile.webp_bomb(moves=True), "268,402,689", "image_too_large"),
    video("16000-wide", lambda: clip("a.mkv", "-f", "lavfi", "-i", "color=s=16000x700:r=1:d=1",
          "-c:v", "ffv1"), "at most 9,437,184 are", "image_too_large"),
    video("16x16", lambda: clip("a.mp4", "-f", "lavfi", "-i", "color=s=16x16:r=9:d=1", *X264),
          "at least 32", "image_too_small"),
    video("two-minutes", lambda: clip("a.mp4", "-f", "lavfi", "-i", "color=s=64x64:r=2:d=125",
          *X264), "at most 120 are allowed", "video_duration_too_long"),
    video("4000-frames", lambda: clip("a.mp4", "-f", "lavfi", "-i", "color=s=32x32:r=60:d=62",
          *X264), "more than 3600 frames", "video_duration_too_long"),
]  # fmt: skip
REFUSED = [*URLS, *SERVERS, *PICTURES, *CLIPS]

PUBLIC = "93.184.216.34"
NAMES = {
    "inside.example": [["10.0.0.5"]],
    "both.example": [[PUBLIC, "10.0.0.5"]],
    "turned.example": [["127.0.0.1"]],
    "rebind.example": [[PUBLIC], ["127.0.0.1"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "images.example": [[PUBLIC]],
}


@dataclass(frozen=True)
class Good:
    """Something odd that is taken, and what it looks like to the model."""

    name: str
    sent: str | bytes | Callable[[], bytes]
    size: tuple[int, int] = (96, 64)
    kind: str = "image"
    frames: int = 1
    content_type: str = ""
    mean: tuple[int, int, int] | None = None


RED = Image.new("RGB", (96, 64), (200, 30, 30))
HOLE = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
TURNED = Image.Exif()
TURNED[0x0112] = 6
MOVING = {"save_all": True, "append_images": [RED, quarters()], "duration": [40, 40, 120]}

TAKEN = [
    Good("photo", "http://127.0.0.1:{port}/photo", (480, 320)),
    Good("photo-called-a-page", "http://127.0.0.1:{port}/page", (480, 320)),
    Good("redirected", "http://127.0.0.1:{port}/to-photo", (480, 320)),
    Good("name-turned-private-later", "http://rebind.example:{port}/photo", (480, 320)),
    Good("name-in-capitals", "HTTP://LOCALHOST:{port}/photo?a=b c#part", (480, 320)),
    Good("data-uri-in-lines", "data:image/jpeg;base64,\n" + base64.encodebytes(PHOTO).decode(),
         (480, 320)),
    Good("data-uri-without-type", "data:;base64," + base64.b64encode(PHOTO).decode(), (480, 320)),
    Good("lying-down", picture(quarters(), "JPEG", exif=TURNED), (64, 96)),
    Good("transparent", picture(HOLE, "PNG"), mean=(255, 255, 255)),
    Good("print", picture(RED.convert("CMYK"), "JPEG", quality=95), mean=(200, 30, 30)),
    Good("sixteen-bits", picture(Image.fromarray(np.full((64, 96), 51400, np.uint16)), "PNG"),
         mean=(200, 200, 200)),
    Good("avif", picture(RED, "AVIF"), content_type="image/avif", mean=(200, 30, 30)),
    Good("heic", lambda: _heic(RED), content_type="image/heic", mean=(200, 30, 30)),
    Good("animated-gif", picture(RED, "GIF", **MOVING), mean=(200, 30, 30)),
    Good("photo-with-zip", PHOTO + hostile.zipped(), (480, 320)),
    Good("png-with-page", picture(RED, "PNG") + b"<script>alert(1)</script>", mean=(200, 30, 30)),
    Good("20000x40", lambda: picture(Image.new("L", (20_000, 40), 90), "PNG"), (20_000, 40),
         mean=(90, 90, 90)),
    Good("gif", picture(quarters(), "GIF", **MOVING), kind="video", frames=5),
    Good("webp", picture(quarters(), "WEBP", **MOVING), kind="video", frames=5,
         content_type="image/webp"),
    Good("cover-art", lambda: hostile.with_cover(sound_only=False), kind="video", frames=24),
    Good("live", lambda: clip("a.webm", *BARS, "-c:v", "libvpx", "-live", "1"), kind="video",
         frames=24),
    Good("phone", lambda: remade("b.mp4", hostile.mp4(), "-display_rotation", "90", "-i", "source",
         "-c", "copy"), (64, 96), kind="video", frames=24),
    Good("wide-pixels", lambda: clip("a.mkv", *BARS, "-vf", "setsar=2", *X264), (192, 64),
         kind="video", frames=24),
    Good("odd-size", lambda: clip("a.mkv", "-f", "lavfi", "-i", "testsrc=s=97x65:r=9:d=1",
         "-c:v", "ffv1"), (97, 65), kind="video", frames=9),
    Good("ten-bits", lambda: clip("a.mp4", *BARS, "-c:v", "libx265", "-preset", "ultrafast",
         "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"), kind="video", frames=24),
    Good("no-size-known", hostile.matroska_of_huge_elements, kind="video", frames=24),
    Good("one-frame", lambda: clip("a.mp4", *BARS, *X264, "-frames:v", "1"), kind="video"),
]  # fmt: skip


GROUPS = [TAKEN[:12], TAKEN[12:]]


def _heic(image: Image.Image) -> bytes:
    import pillow_heif  # noqa: PLC0415 - only to write one

    pillow_heif.register_heif_opener()
    return picture(image, "HEIF", quality=90)


@dataclass(frozen=True)
class Door:
    """A house that trusts one port of this machine, and the server that listens there."""

    house: House
    impatient: House
    """The same, with a store that waits for a moment only and takes small files."""
    server: StrangerServer
    scratch: Path

    def items(self, sent: Iterable[Case | Good]) -> dict[str, list[dict[str, Any]]]:
        """Return the request's lists of images and videos with all that is sent."""
        lists: dict[str, list[dict[str, Any]]] = {"images": [], "videos": []}
        for each in sent:
            lists[f"{each.kind}s"].append({f"{each.kind}_url": self._url(each)})
        return lists

    def left(self) -> list[str]:
        """Return what lies in the scratch folder or was published."""
        scratch = [path.name for path in self.scratch.iterdir()]
        return [name for name in scratch if name != _OF_TORCH] + sorted(self.house.outputs)

    def _url(self, each: Case | Good) -> str:
        if isinstance(each.sent, str):
            return each.sent.replace("{port}", str(self.server.port))
        content = each.sent if isinstance(each.sent, bytes) else each.sent()
        name = f"{each.kind}/{each.name}"
        self.server.files[name] = (content, f"{each.kind}/x-odd")
        return self.server.url(name)


_OF_TORCH = f"torchinductor_{getpass.getuser()}"


@pytest.fixture(scope="module")
def door(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door that strangers knock at: names resolve as NAMES says, retries do not wait."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "scratch").mkdir()
    name = f"strangers-{uuid.uuid4().hex[:8]}"
    root = folder / "store"
    LTXModel(checkpoint="tiny", device="cpu", options=EngineOptions(threads=1)).save(name)
    SafetyChecker(refuse_at=0.99).save(name)
    with StrangerServer().running() as server, pytest.MonkeyPatch.context() as patch:
        server.files |= {"photo": (PHOTO, "image/jpeg"), "page": (PHOTO, "text/html")}
        trusted = (f"127.0.0.1:{server.port}", f"localhost:{server.port}")
        houses = []
        for store, most, seconds in ((name, LIMIT, 30.0), (f"{name}-impatient", LITTLE, HASTE)):
            limits = FetchLimits(trusted_hosts=trusted, max_bytes=most, timeout_seconds=seconds)
            MediaStore(root=str(root), limits=limits).save(store)
            houses.append(House(model=name, store=store, safety=name, root=root))
        _script_names(patch, server)
        patch.setattr(tempfile, "tempdir", str(folder / "scratch"))
        at_once = {"retry_delay_seconds": 0, "retry_jitter_factor": 0}
        patch.setattr(fetch_media, "task", fetch_media.task.with_options(**at_once))
        yield Door(*houses, server=server, scratch=folder / "scratch")


def _script_names(patch: pytest.MonkeyPatch, server: StrangerServer) -> None:
    """Answer for NAMES, one answer after the other, and let the public address be the server."""
    look_up, dial = socket.getaddrinfo, socket.create_connection
    answers = {name: list(lists) for name, lists in NAMES.items()}

    def scripted(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in answers:
            return look_up(host, port, *args, **kwargs)
        lists = answers[host]
        found = lists.pop(0) if len(lists) > 1 else lists[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    def dialled(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        reached = ("127.0.0.1", server.port) if address[0] == PUBLIC else address
        return dial(reached, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", scripted)
    patch.setattr(socket, "create_connection", dialled)


@pytest.fixture(scope="module")
def errors(door: Door) -> Callable[[Case], list[dict[str, Any]]]:
    """Return the errors that a case ended in, sent to the flow beside up to 31 others.

    Flow runs cost more than most cases. A request that is refused for several items says so for
    each of them, which makes sixteen bad pictures and sixteen bad clips one run. A fault that may
    pass has a run of its own: it is reported only if nothing is refused.
    """
    known: dict[str, list[dict[str, Any]]] = {}

    def ended(case: Case) -> list[dict[str, Any]]:
        if case.name not in known:
            group = [case] if case.passing or case.impatient else _beside(case)
            known.update(_sent(door, group))
            assert door.left() == []
        return known[case.name]

    return ended


def _beside(case: Case) -> list[Case]:
    """Return the case with its neighbours, always the same: as many as one request may have."""
    alike = [
        other
        for other in REFUSED
        if not (other.passing or other.impatient) and other.kind == case.kind
    ]
    first = alike.index(case) // MOST_ITEMS * MOST_ITEMS
    return alike[first : first + MOST_ITEMS]


def _sent(door: Door, cases: Sequence[Case]) -> dict[str, list[dict[str, Any]]]:
    """Send the cases in one request and return the errors of each, by its name."""
    house = door.impatient if cases[0].impatient else door.house
    expected = Transient if cases[0].passing else Refused
    with pytest.raises(expected) as caught:
        house.make(**door.items(cases))
    error = caught.value
    violations = error.violations if isinstance(error, Refused) else [error.violation]
    found: dict[str, list[dict[str, Any]]] = {case.name: [] for case in cases}
    for line in (violation.as_detail() for violation in violations if violation):
        _, _, place, _ = line["loc"]
        found[cases[place].name].append(line)
    return found


def test_the_table_is_as_long_as_promised() -> None:
    """There are at least sixty cases that end in an error, and no two of one name."""
    names = [case.name for case in REFUSED]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_used_is_one_clear_error(
    door: Door, errors: Callable[[Case], list[dict[str, Any]]], case: Case
) -> None:
    """It names the field, the endpoint's type and the reason; nothing is left of it anywhere."""
    (line,) = errors(case)
    assert line["loc"][0::3] == ["body", f"{case.kind}_url"]
    assert line["type"] == case.type, line
    assert case.word in line["msg"], line
    assert str(door.scratch) not in line["msg"]


@pytest.fixture(scope="module")
def taken(door: Door) -> dict[str, tuple[MediaRef, Frames]]:
    """Return what was found of all that is odd and good, and the frames that the model gets."""
    use = door.house.equipment

    @flow(name="prepared")
    def prepared(**fields: Any) -> Any:
        return prepare(small_request(**fields), seed=7, use=use)

    found: dict[str, tuple[MediaRef, Frames]] = {}
    for group in GROUPS:
        ready = prepared(**door.items(group))
        for good, medium, item in zip(group, ready.media, ready.items, strict=True):
            with use.store.open(item) as file:
                found[good.name] = (medium, read_frames(file))
    assert door.left() == []
    return found


@pytest.mark.parametrize("good", TAKEN, ids=lambda good: good.name)
def test_what_is_odd_and_good_is_taken(
    taken: dict[str, tuple[MediaRef, Frames]], good: Good
) -> None:
    """It gets through all that is before the passes, with the size, frames and colours it has."""
    medium, frames = taken[good.name]
    assert (medium.width, medium.height, medium.frames) == (*good.size, good.frames)
    assert medium.content_type.endswith(good.content_type)
    if good.mean:
        assert np.abs(frames.mean(axis=(0, 1, 2)) - good.mean).max() < 4


def test_the_next_request_is_served(door: Door) -> None:
    """After all of them the house makes a video, from odd pictures and clips."""
    result = door.house.make(**door.items(GROUPS[-1]))
    assert door.left() == [result.video.file_name]
