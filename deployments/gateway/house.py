"""What a gateway was started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blocks.media_store import MediaStore
from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.access.seal import Seal
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.webhooks.key import WebhookKey


@dataclass(frozen=True)
class House:
    """The operator's choices; nothing in it changes while the gateway runs."""

    store: MediaStore
    """Where results are, and uploads go; the one that the workers use."""
    endpoints: Mapping[str, Endpoint]
    """By their full ids."""
    keys: KeyRing
    """Who may ask."""
    allowance: Allowance
    """How much each key may ask for."""
    seal: Seal
    """Signs what is given out for a while."""
    webhook_key: WebhookKey
    """Signs what is sent to those who want to be told."""
    public_address: str | None = None
    """Address under which clients reach the gateway, where it cannot see that itself."""
    origins: tuple[str, ...] = ("*",)
    """Web pages that may call it."""
    max_upload_bytes: int = 10 * 2**30
    """How large an uploaded file may be."""
    allow_private_webhooks: bool = False
    """Whether results may be sent to private addresses."""
