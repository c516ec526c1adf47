"""A way to a server that shuts before a request of one kind."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SHUT_SECONDS = 60


class Gate(socketserver.ThreadingTCPServer):
    """Passes bytes on to a server of this machine until some come that it is to stop.

    Args:
        to: The server's port.
        before: What a request has in it that does not get through.
    """

    daemon_threads = True

    def __init__(self, to: int, *, before: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.to = to
        self.before = before
        self.reached = threading.Event()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        """Where to go through it."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def gate(to: int, *, before: bytes) -> Iterator[Gate]:
    """Open a gate for a while."""
    with Gate(to, before=before) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        try:
            yield one
        finally:
            one.over.set()
            one.shutdown()


class _Passage(socketserver.BaseRequestHandler):
    server: Gate

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.to)) as beyond:
            back = threading.Thread(target=_pass_on, args=(beyond, self.request), daemon=True)
            back.start()
            while data := self.request.recv(2**16):
                if self.server.before in data:
                    self.server.reached.set()
                    self.server.over.wait(_SHUT_SECONDS)
                    return
                beyond.sendall(data)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(2**16):
            target.sendall(data)
    except OSError:  # one end is gone
        return
