"""A web server that does to a download what the worst ones do."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = b"\xff\xd8\xff" + bytes(64 * 1024)
_PAUSE = 0.02


class StrangerServer(ThreadingHTTPServer):
    """Serve files by their path, and misbehave under some names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, tuple[bytes, str]] = {}
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return self.server_port

    def url(self, name: str) -> str:
        """Return the address of a file or a misbehaviour."""
        return f"http://127.0.0.1:{self.port}/{name}"

    @contextmanager
    def running(self) -> Iterator[StrangerServer]:
        """Serve while inside."""
        thread = threading.Thread(target=self.serve_forever, args=(_PAUSE,))
        thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self.shutdown()
            thread.join()
            self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up, which is what most of this is about."""


class _Handler(BaseHTTPRequestHandler):
    server: StrangerServer

    def do_GET(self) -> None:
        name = self.path.lstrip("/").partition("?")[0]
        if name in _ANSWERS:
            _ANSWERS[name](self)
        elif name in self.server.files:
            content, content_type = self.server.files[name]
            self.head(200, Content_Type=content_type, Content_Length=len(content))
            self.wfile.write(content)
        else:
            self.send_error(404)

    def head(self, status: int, **headers: object) -> None:
        """Send everything but a body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def drip(self, piece: bytes) -> None:
        """Send a little now and then, until the server is stopped."""
        while not self.server.stopping.wait(_PAUSE):
            self.wfile.write(piece)

    def flood(self, piece: bytes) -> None:
        """Send as fast as it goes, until the server is stopped or the client hangs up."""
        while not self.server.stopping.is_set():
            self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


Answer = Callable[[_Handler], object]


def _endless(handler: _Handler) -> None:
    handler.head(200, Content_Type="image/jpeg")
    handler.flood(_PIECE)


def _trickle(handler: _Handler) -> None:
    handler.head(200, Content_Type="image/jpeg", Content_Length=9000)
    handler.drip(b"\xff")


def _slow_headers(handler: _Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    handler.drip(b"X-More: of it\r\n")


def _endless_headers(handler: _Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    handler.flood(b"X-More: " + b"x" * 4096 + b"\r\n")


def _gzip_bomb(handler: _Handler) -> None:
    bomb = gzip.compress(bytes(20 * 2**20))
    handler.head(200, Content_Encoding="gzip", Content_Length=len(bomb))
    handler.wfile.write(bomb)


def _redirect(onward: str, status: int = 302) -> Answer:
    return lambda handler: handler.head(status, Location=onward, Content_Length=0)


def _status(code: int) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0)


def _raw(content: bytes) -> Answer:
    return lambda handler: handler.wfile.write(content)


_OK = b"HTTP/1.1 200 OK\r\n"
_ANSWERS: dict[str, Answer] = {
    "endless": _endless,
    "trickle": _trickle,
    "slow-headers": _slow_headers,
    "endless-headers": _endless_headers,
    "silent": lambda handler: handler.server.stopping.wait(),
    "huge": lambda handler: handler.head(200, Content_Length=2**50),
    "breaks-off": _raw(_OK + b"Content-Length: 5000\r\n\r\n\xff\xd8\xff"),
    "two-lengths": _raw(_OK + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n\xff\xd8\xff"),
    "bad-chunks": _raw(_OK + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\nnonsense\r\n"),
    "banner": _raw(b"220 mail.example ESMTP\r\n"),
    "gzip-bomb": _gzip_bomb,
    "to-metadata": _redirect("http://169.254.169.254/latest/meta-data/"),
    "to-loopback": _redirect("http://127.0.0.1:9998/"),
    "to-mapped": _redirect("http://[::ffff:7f00:1]/", 307),
    "to-file": _redirect("file:///etc/passwd"),
    "to-data": _redirect("data:image/png;base64,AAAA", 301),
    "to-ftp": _redirect("ftp://ftp.example/a.png", 308),
    "circle": _redirect("/circle"),
    "to-nowhere": _redirect(""),
    "to-photo": _redirect("/photo"),
    "gone": _status(410),
    "login": _status(401),
    "forbidden": _status(403),
    "part": _status(206),
    "nothing": _status(204),
    "busy": _status(503),
}
