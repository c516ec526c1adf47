"""A gateway that does nothing but ask who is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from deployments.gateway.access.caller import Caller
from deployments.gateway.access.denied import Denied, answer_denied
from deployments.gateway.access.guard import admin, caller
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.access.seal import Seal
from deployments.gateway.access.tokens import router
from tests.stores import in_folder

SECRET = "a secret of all gateways of the house"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """A ring without keys."""
    return KeyRing(in_folder(tmp_path / "store").store)


@pytest.fixture
def door(tmp_path: Path) -> Callable[..., TestClient]:
    """Return a function that opens a gateway before the same store."""

    def open_door(address: str = "http://127.0.0.1:8000", **settings: bool) -> TestClient:
        app = FastAPI()
        ring = KeyRing(in_folder(tmp_path / "store").store, **settings)
        app.state.house = SimpleNamespace(keys=ring, seal=Seal(SECRET), public_address=None)
        app.add_exception_handler(Denied, answer_denied)
        app.include_router(router)

        @app.get("/queue/{path:path}")
        async def who(asks: Annotated[Caller, Depends(caller)]) -> dict[str, str]:
            return {"key": asks.key_id, "scope": asks.scope}

        @app.get("/all")
        async def everything(asks: Annotated[Caller, Depends(admin)]) -> dict[str, str]:
            return {"key": asks.key_id}

        return TestClient(app, base_url=address)

    return open_door
