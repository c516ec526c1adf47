"""A TCP proxy that a test can have drop connections, or cut off for good."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Connections to one server, or to several in turn, led through here."""

    def __init__(self, *urls: str, drops: int) -> None:
        ats = [urlsplit(url) for url in urls]
        self._fars = itertools.cycle([(str(at.hostname), at.port or 80) for at in ats])
        self._left = drops
        self._is_cut = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{ats[0].path}"
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and take no more."""
        self._is_cut = True
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(line,), daemon=True).start()

    def _lead(self, line: socket.socket) -> None:
        drops, self._left = self._left > 0, self._left - 1
        if self._is_cut:  # it was on its way in
            line.close()
            return
        with line, socket.create_connection(next(self._fars)) as far:
            self._ends += [line, far]
            threading.Thread(target=_pump, args=(line, far), daemon=True).start()
            if drops:
                far.recv(65536)
            else:
                _pump(far, line)
            for end in (line, far):  # or the thread that reads it would hold it open
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@contextmanager
def relayed(*urls: str, drops: int = 0) -> Iterator[Relay]:
    """Give a proxy of a server, or one that balances several.

    Args:
        *urls: The servers'.
        drops: How many connections, the first ones, end when their answer is there.
    """
    relay = Relay(*urls, drops=drops)
    try:
        yield relay
    finally:
        relay.cut()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
