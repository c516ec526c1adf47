"""Webhooks signed with Ed25519, so that a receiver knows them."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from ltxv.errors import Misconfigured


class WebhookKey:
    """The key of all webhooks of a house.

    Args:
        pem: Ed25519 private key.

    Raises:
        Misconfigured: It is none.
    """

    def __init__(self, pem: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - heavy
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )

        try:
            key = load_pem_private_key(pem.encode(), password=None)
            if not isinstance(key, Ed25519PrivateKey):
                raise TypeError(type(key).__name__)  # noqa: TRY301 - one message for both
        except (ValueError, TypeError) as error:
            raise Misconfigured(
                "the webhook key of the LTX Gateway Identity block is no Ed25519 private key in "
                "PEM; make a new one with GatewayIdentity.made()"
            ) from error
        self._key = key

    def headers(self, body: bytes, *, request_id: str, user_id: str) -> dict[str, str]:
        """Return the headers by which a receiver knows that a body is ours and new."""
        timestamp = str(int(time.time()))
        said = [request_id, user_id, timestamp, hashlib.sha256(body).hexdigest()]
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": user_id,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": self._key.sign("\n".join(said).encode()).hex(),
        }

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key as a set of JSON Web Keys."""
        public = self._key.public_key().public_bytes_raw()
        key = {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": hashlib.sha256(public).hexdigest()[:16],
            "x": base64.urlsafe_b64encode(public).rstrip(b"=").decode(),
        }
        return {"keys": [key]}
