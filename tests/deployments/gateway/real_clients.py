"""The hosted endpoint's own clients, unmodified, as programs that a test calls."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

CLIENTS = Path(__file__).parents[2] / "clients"
NODE = shutil.which("node") or "node"
_SECONDS = 90


class Client(Protocol):
    """Makes one call of a client, and returns what it printed."""

    def __call__(
        self, gateway: str, call: str, *, trust: Path | None = None, **asked: Any
    ) -> dict[str, Any]:
        """Make the call."""


def javascript(
    gateway: str, call: str, *, trust: Path | None = None, **asked: Any
) -> dict[str, Any]:
    """Call ``@fal-ai/client``."""
    assert (CLIENTS / "node_modules").is_dir(), "run `make tests/clients/node_modules` first"
    trusted = {} if trust is None else {"NODE_EXTRA_CA_CERTS": str(trust)}
    told = {"gateway": gateway, "call": call, **asked}
    return _printed([NODE, str(CLIENTS / "call.mjs"), json.dumps(told)], trusted)


def python(gateway: str, call: str, *, trust: Path | None = None, **asked: Any) -> dict[str, Any]:
    """Call ``fal-client``: led by its environment over https, else by its constants."""
    at = urlsplit(gateway).netloc
    environment = {"FAL_KEY": asked.pop("key", "id:secret")}
    told: dict[str, Any] = {"call": call, **asked}
    if trust is None:
        told["gateway"] = gateway
    else:
        environment |= {
            "FAL_QUEUE_RUN_HOST": f"{at}/queue",
            "FAL_RUN_HOST": f"{at}/run",
            "SSL_CERT_FILE": str(trust),
        }
    return _printed([sys.executable, str(CLIENTS / "call.py"), json.dumps(told)], environment)


def _printed(command: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed
