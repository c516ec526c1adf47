"""The gateway's process."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from deployments.gateway.app import create_app
from deployments.gateway.connections import WatchedProtocol
from deployments.gateway.house import House
from ltxv.errors import Misconfigured

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 10
_BACKLOG = 512


@dataclass(frozen=True)
class Listening:
    """Where the gateway listens, and with which certificate."""

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None

    @property
    def scheme(self) -> str:
        """The scheme of its address."""
        return "http" if self.cert is None else "https"

    def opened(self) -> socket.socket:
        """Return a socket that listens.

        Raises:
            Misconfigured: The address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except (OSError, OverflowError) as error:
            listener.close()
            raise Misconfigured(
                f"the gateway cannot listen on {self.host}:{self.port}: {error}; choose others "
                "with --host and --port"
            ) from error
        listener.listen(_BACKLOG)
        return listener


def server_of(house: House, listening: Listening) -> uvicorn.Server:
    """Return the server of a gateway, to be run on a socket.

    Raises:
        Misconfigured: The certificate cannot be used.
    """
    config = uvicorn.Config(
        create_app(house),
        host=listening.host,
        port=listening.port,
        http=WatchedProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
        ssl_certfile=listening.cert,
        ssl_keyfile=listening.key,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"the certificate {listening.cert} with the key {listening.key} cannot be used: {error}"
        ) from error
    return uvicorn.Server(config)
