"""In whose name finished clips are signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr, model_validator

from ltxv.errors import Misconfigured
from ltxv.frozen import digest_of


class Signer(NamedTuple):
    """Who signs."""

    name: str
    ends: datetime
    """When the first certificate of the chain ends."""


class ContentCredentials(Block):
    """Sign finished clips with C2PA Content Credentials: who made them, how, and that AI did.

    Attributes:
        sign: Whether clips are signed.
        certificate: Chain of the signer's certificates.
        key: Private key of the first.
        algorithm: How it signs.
        timestamp_authority: Server that proves when a clip was signed.

    Example:
        Sign in your own name, with a block saved as:
        ```python
        from pathlib import Path

        from blocks.content_credentials import ContentCredentials

        certificate, key = Path("chain.pem").read_text(), Path("key.pem").read_text()
        ContentCredentials(certificate=certificate, key=key).save("BLOCK_NAME")

        credentials = ContentCredentials.load("BLOCK_NAME")
        ```
    """

    _block_type_name: ClassVar[str | None] = "LTX Content Credentials"
    _block_type_slug: ClassVar[str | None] = "ltx-content-credentials"
    _logo_url: ClassVar[HttpUrl | None] = HttpUrl("https://github.com/contentauth.png?size=200")
    _documentation_url: ClassVar[HttpUrl | None] = HttpUrl("https://spec.c2pa.org")

    sign: bool = Field(default=True, description="Whether finished clips are signed.")
    certificate: str | None = Field(
        default=None,
        description="Certificate chain, PEM, the signer's own first. Without certificate and key "
        "a development identity, which nobody trusts, is made at the first use and kept here.",
    )
    key: SecretStr | None = Field(
        default=None, description="Private key of the first certificate, PEM, not encrypted."
    )
    algorithm: Literal["es256"] = Field(
        default="es256", description="Signature algorithm; ECDSA on the curve P-256."
    )
    timestamp_authority: str | None = Field(
        default=None,
        title="Timestamp authority",
        description="URL of an RFC 3161 server. Without one a signature holds only until its "
        "certificate ends.",
    )

    @model_validator(mode="after")
    def _check_identity(self) -> ContentCredentials:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: give both or neither")
        return self

    @property
    def lacks_identity(self) -> bool:
        """Whether clips are to be signed and nobody is named who does it."""
        return self.sign and self.key is None

    def with_development_identity(self) -> ContentCredentials:
        """Return a copy with a new identity whose name says that nobody trusts it."""
        from ltxv.signing_identity import development_identity  # noqa: PLC0415 - rarely needed

        made = development_identity()
        return type(self)(
            certificate=made.certificate,
            key=SecretStr(made.key),
            timestamp_authority=self.timestamp_authority,
        )

    @property
    def identity(self) -> str | None:
        """Digest of who signs, for cache keys, made of public parts; None if nobody does.

        Raises:
            Misconfigured: The certificate or the key cannot sign.
        """
        if not self.sign:
            return None
        return digest_of(
            {
                "certificate": self._identity.fingerprint(),
                "timestamp_authority": self.timestamp_authority,
            }
        )

    @property
    def signer(self) -> Signer:
        """Who signs, and until when.

        Raises:
            Misconfigured: The certificate or the key cannot sign.
        """
        return Signer(*self._identity.signer())

    def seal(self, file: Path, target: Path, *, claims: Mapping[str, Any]) -> None:
        """Write a signed copy of an mp4.

        Args:
            file: The clip.
            target: The signed clip.
            claims: How it was made.

        Raises:
            Misconfigured: It cannot be signed.
        """
        from ltxv import credentials  # noqa: PLC0415 - loads the C2PA library

        credentials.sign(
            file,
            target,
            claims=claims,
            identity=self._identity,
            timestamp_authority=self.timestamp_authority,
        )

    @property
    def _identity(self) -> Any:
        from ltxv.signing_identity import SigningIdentity  # noqa: PLC0415 - loads cryptography

        if self.certificate is None or self.key is None:
            raise Misconfigured(
                "the Content Credentials block has no certificate and key; give both, save the "
                "block to have a development identity made, or switch signing off"
            )
        return SigningIdentity(certificate=self.certificate, key=self.key.get_secret_value())
