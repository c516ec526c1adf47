"""Gateways in front of a store, for tests that need no Prefect."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from deployments.gateway.access.allowance import Allowance
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.access.seal import Seal
from deployments.gateway.app import create_app
from deployments.gateway.house import House
from deployments.gateway.webhooks.key import WebhookKey

SECRET = "a secret of all gateways of the house"
WEBHOOK_KEY = WebhookKey(GatewayIdentity.made().webhook_key.get_secret_value())
HERE = "http://127.0.0.1:8000"


def house_of(store: MediaStore, *, needs_keys: bool = False, **settings: Any) -> House:
    """Return what a gateway in front of a store was started with."""
    keys = KeyRing(store, needs_keys=needs_keys)
    return House(
        store=store,
        endpoints={},
        keys=keys,
        allowance=Allowance(keys),
        seal=Seal(SECRET),
        webhook_key=WEBHOOK_KEY,
        **settings,
    )


def gateway(store: MediaStore, address: str = HERE, **settings: Any) -> TestClient:
    """Return a client of a gateway in front of a store."""
    return TestClient(create_app(house_of(store, **settings)), base_url=address)
