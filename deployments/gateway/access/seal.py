"""What the gateway signs, so that it knows it again without having kept it.

The form is that of JSON Web Tokens with HS256; each purpose has a key of its own, so that what was
given out for one opens nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

_HEADER = {"alg": "HS256", "typ": "JWT"}
_LONGEST = 8192
_MARK = 32
"""Hexadecimal digits of a mark: 128 bits, which nobody guesses."""


class Seal:
    """Sign claims that end, and open them again.

    Args:
        secret: What all gateways of a house share.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, purpose: str, claims: Mapping[str, Any], *, seconds: int) -> str:
        """Return a token of claims that holds for a while.

        Args:
            purpose: What it opens.
            claims: JSON; ``exp`` and ``iat`` are added.
            seconds: For how long.
        """
        now = int(time.time())
        body = _encoded({**claims, "iat": now, "exp": now + seconds})
        said = f"{_encoded(_HEADER)}.{body}"
        return f"{said}.{self._signature(purpose, said)}"

    def open(self, purpose: str, token: str) -> dict[str, Any] | None:
        """Return the claims of a token; None if it is not ours, for another purpose, or over."""
        said, _, signature = token.rpartition(".")
        if len(token) > _LONGEST or not token.isascii():
            return None
        if not hmac.compare_digest(signature, self._signature(purpose, said)):
            return None
        claims = _decoded(said.partition(".")[2])
        return claims if claims.get("exp", 0) > time.time() else None

    def mark(self, purpose: str, name: str) -> str:
        """Return what of a name only those know who were told it, always the same."""
        return hmac.digest(self._key(purpose), name.encode(), hashlib.sha256).hex()[:_MARK]

    def is_mark(self, purpose: str, name: str, mark: str) -> bool:
        """Say whether ``mark`` is that of a name."""
        return hmac.compare_digest(self.mark(purpose, name).encode(), mark.encode())

    def _signature(self, purpose: str, said: str) -> str:
        return _text(hmac.digest(self._key(purpose), said.encode(), hashlib.sha256))

    def _key(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, f"ltx gateway: {purpose}".encode(), hashlib.sha256)


def is_token(text: str) -> bool:
    """Say whether ``text`` looks like a token and not like a key."""
    return text.count(".") == 2  # noqa: PLR2004 - header, claims, signature


def _encoded(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}
