"""A key, as the store has it: everything but the secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import AwareDatetime, Field

from deployments.gateway.access.caller import Scope
from ltxv.frozen import Frozen

_ID_BYTES = 8
_SECRET_BYTES = 32
_ID = re.compile(r"[0-9a-f]{16}")
_SINGLE = "ltx"
_LONGEST = 512


class KeyLimits(Frozen):
    """How much the holder of a key may ask for; None is no limit."""

    concurrent: int | None = Field(
        default=None, ge=1, description="Requests that may wait or run at a time."
    )
    per_minute: int | None = Field(default=None, ge=1, description="Requests in any minute.")
    gpu_seconds_per_day: float | None = Field(
        default=None, gt=0, description="Seconds of GPU stages in any 24 hours."
    )
    upload_bytes: int | None = Field(
        default=None, ge=1, description="Bytes of uploaded files that are kept at a time."
    )

    @property
    def requests_are_free(self) -> bool:
        """Whether it may ask for as many videos as it likes."""
        return self.model_copy(update={"upload_bytes": None}) == KeyLimits()


class KeyRecord(Frozen):
    """What is kept of a key."""

    id: str = Field(pattern=_ID.pattern)
    name: str = Field(description="Whose it is, for the operator.")
    scope: Scope
    secret_sha256: str = Field(description="Digest of the secret.")
    created: AwareDatetime
    revoked: AwareDatetime | None = None
    rotated: AwareDatetime | None = None
    old_sha256: str | None = Field(
        default=None, description="Digest of the secret before the last rotation."
    )
    old_until: AwareDatetime | None = Field(
        default=None, description="When the old secret stops working."
    )
    limits: KeyLimits = KeyLimits()

    def opens_with(self, secret: str) -> bool:
        """Say whether this is its secret; whether the key is in force is another question."""
        digest = digest_of_secret(secret)
        is_new = hmac.compare_digest(digest, self.secret_sha256)
        is_old = hmac.compare_digest(digest, self.old_sha256 or "")
        still = self.old_until is not None and datetime.now(UTC) < self.old_until
        return is_new or (is_old and still)


class NewKey(NamedTuple):
    """A key at the one moment at which its secret is known."""

    record: KeyRecord
    secret: str

    @property
    def key(self) -> str:
        """The key as ``FAL_KEY`` takes it."""
        return f"{self.record.id}:{self.secret}"

    @property
    def single(self) -> str:
        """The same key without a colon."""
        return f"{_SINGLE}_{self.record.id}_{self.secret}"


def new_id() -> str:
    """Return an id that no other key has."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """Return a secret that nobody guesses; so a plain digest of it is enough."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest_of_secret(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def parts_of(key: str) -> tuple[str, str] | None:
    """Return the id and the secret of a key in either form; None if it is no key."""
    if len(key) > _LONGEST:
        return None
    if key.startswith(f"{_SINGLE}_"):
        _, id_, secret = [*key.split("_", 2), "", ""][:3]
    else:
        id_, _, secret = key.partition(":")
    return (id_, secret) if _ID.fullmatch(id_) and secret else None


def is_id(text: str) -> bool:
    """Say whether ``text`` could be the id of a key."""
    return _ID.fullmatch(text) is not None
