"""What gateways of one house sign with."""

from __future__ import annotations

import secrets
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

_SECRET_BYTES = 48


class GatewayIdentity(Block):
    """Sign what gateways give out: tokens, upload addresses, webhooks.

    The block `default` is made at its first use. Gateways that answer for one another need the
    same.

    Attributes:
        secret: What tokens and upload addresses are signed with.
        webhook_key: What webhooks are signed with.

    Example:
        Replace both, which ends every token and upload address given out before:
        ```python
        from blocks.gateway_identity import GatewayIdentity

        GatewayIdentity.made().save("BLOCK_NAME", overwrite=True)

        identity = GatewayIdentity.load("BLOCK_NAME")
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Gateway Identity"
    _block_type_slug: ClassVar[str | None] = "ltx-gateway-identity"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/Lightricks.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl(
        "https://github.com/Lightricks/LTX-Video"
    )

    secret: SecretStr = Field(
        min_length=32,
        description="Secret of tokens and upload addresses, at least 32 random characters.",
    )
    webhook_key: SecretStr = Field(
        title="Webhook key", description="Ed25519 private key of webhooks, PEM, not encrypted."
    )

    @classmethod
    def made(cls) -> GatewayIdentity:
        """Return a new identity."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - heavy
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        return cls(
            secret=SecretStr(secrets.token_urlsafe(_SECRET_BYTES)),
            webhook_key=SecretStr(pem.decode()),
        )
