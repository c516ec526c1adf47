"""Files that would have a program read other files, or call somewhere."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Literal

import pytest

from ltxv.errors import Refused
from ltxv.media.binaries import ffmpeg_binary
from ltxv.media.probe import probe

LOC = ("videos", 0, "video_url")
BARS = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=24:duration=1"]


class Listener:
    """A server on this machine that notes every request."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.asked = asked
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen for requests that must not come."""
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, args=(0.02,))
    thread.start()
    yield listener
    listener.server.shutdown()
    thread.join()
    listener.server.server_close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that a hostile file would like to have read."""
    target = tmp_path_factory.mktemp("private") / "private.mov"
    codec = ["-c:v", "mjpeg", "-movflags", "-faststart"]
    command = [ffmpeg_binary(), "-v", "error", *BARS, *codec, str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target


def refused(path: Path, expect: Literal["image", "video"]) -> tuple[str, str]:
    with pytest.raises(Refused) as refusal:
        probe(path, loc=LOC, expect=expect)
    (violation,) = refusal.value.violations
    assert str(path.parent) not in violation.msg
    return violation.type, violation.msg


POINTERS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
    "hls-file": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{file}\n#EXT-X-ENDLIST\n",
    "dash": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}/</BaseURL></MPD>',
    "concat": "ffconcat version 1.0\nfile '{file}'\n",
    "concat-url": "file '{url}/a.mp4'\n",
    "svg": '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file://{file}">]>'
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/a.png"/>&x;</svg>',
    "html": '<!doctype html><img src="{url}/a.png">',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "subtitles": "[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: {file}\n",
    "edl": "# mpv EDL v0\n{file},0,10\n",
    "reference-movie": "RTSPtext {url}/a.mov\n",
    "bom-hls": "\ufeff\n#EXTM3U\n#EXTINF:10,\n{url}/a.ts\n",
}


@pytest.mark.parametrize("expect", ["image", "video"])
@pytest.mark.parametrize("text", POINTERS.values(), ids=POINTERS)
def test_text_that_points_elsewhere_is_refused(
    tmp_path: Path, listener: Listener, clip: Path, text: str, expect: Literal["image", "video"]
) -> None:
    """No playlist, list, drawing or page is followed, whatever it is called."""
    file = tmp_path / "media.mp4"
    file.write_text(text.replace("{url}", listener.url).replace("{file}", str(clip)))
    type_, msg = refused(file, expect)
    assert type_ in {"image_load_error", f"unsupported_{expect}_format"}
    assert "JPEG" in msg if expect == "image" else "MP4" in msg
    assert listener.asked == []


@pytest.mark.parametrize("expect", ["image", "video"])
@pytest.mark.parametrize(
    "head",
    [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"\x1aE\xdf\xa3\x87B\x82\x84webm"],
    ids=["png", "jpeg", "gif", "webm"],
)
def test_a_playlist_behind_a_good_beginning_is_not_followed(
    tmp_path: Path, listener: Listener, head: bytes, expect: Literal["image", "video"]
) -> None:
    """The format that the first bytes name is the only one that is tried."""
    file = tmp_path / "media.m3u8"
    playlist = f"\n#EXTM3U\n#EXTINF:10,\n{listener.url}/a.ts\n#EXT-X-ENDLIST\n"
    file.write_bytes(head + playlist.encode())
    refused(file, expect)
    assert listener.asked == []


def test_a_movie_whose_pictures_are_in_another_file_is_refused(tmp_path: Path, clip: Path) -> None:
    """QuickTime's external tracks are not opened; without them the movie has no pictures."""
    private = tmp_path / "private.mov"
    private.write_bytes(clip.read_bytes())
    content = private.read_bytes()
    header = content[content.index(b"moov") - 4 :]
    own = b"\x00\x00\x00\x0curl \x00\x00\x00\x01"
    assert own in header
    alias = _alias(private)
    outside = (12 + len(alias)).to_bytes(4, "big") + b"alis" + bytes(4) + alias
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = header.index(box) - 4
        size = int.from_bytes(header[at : at + 4], "big") + len(outside) - len(own)
        header = header[:at] + size.to_bytes(4, "big") + header[at + 4 :]
    movie = tmp_path / "reference.mov"
    brand = b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  "
    movie.write_bytes(brand + header.replace(own, outside))
    # The reference is a good one: who allows it gets the other file's pictures.
    asked = ["-enable_drefs", "1", "-i", str(movie), "-map", "0:v:0", "-f", "null", "-"]
    command = [ffmpeg_binary(), "-v", "error", "-xerror", *asked]
    subprocess.run(command, check=True, timeout=60)
    type_, _ = refused(movie, "video")
    assert type_ == "unsupported_video_format"


def _alias(target: Path) -> bytes:
    """Return a Macintosh alias record that names a file in the folder of the movie."""
    name, path = target.name.encode(), str(target).encode()
    record = bytes(4) + b"\x00\x96\x00\x02" + bytes(2)
    record += b"\x04disk".ljust(28, b"\x00") + bytes(12)
    record += bytes([len(name)]) + name.ljust(63, b"\x00") + bytes(16)
    # How many folders to go up from the one file and down to the other.
    record += b"\x00\x01\x00\x01" + bytes(16)
    for kind in (2, 18):
        record += kind.to_bytes(2, "big") + len(path).to_bytes(2, "big") + path
        record += bytes(len(path) % 2)
    return record + b"\xff\xff\x00\x00"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<html><body>404</body></html>", "a web page"),
        (b"  <svg/>", "SVG"),
        (b"#EXTM3U\n", "playlist"),
        (b"ffconcat version 1.0\n", "playlist"),
        (b"\x00" * 600, "not a known type"),
        (b"MZ\x90\x00", "not a known type"),
    ],
)
def test_says_what_it_is_instead(tmp_path: Path, content: bytes, words: str) -> None:
    """Whoever sent the wrong thing learns what it was and what to send."""
    file = tmp_path / "media"
    file.write_bytes(content)
    for expect in ("image", "video"):
        assert words in refused(file, expect)[1]
