"""A gateway that also says who asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends
from starlette.testclient import TestClient

from deployments.gateway.access.caller import Caller
from deployments.gateway.access.guard import admin, caller
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.app import create_app
from tests.deployments.gateway.houses import HERE, house_of
from tests.stores import in_folder


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """A ring without keys."""
    return KeyRing(in_folder(tmp_path / "store").store)


@pytest.fixture
def door(tmp_path: Path) -> Callable[..., TestClient]:
    """Return a function that opens a gateway before the same store."""

    def open_door(address: str = HERE, **settings: bool) -> TestClient:
        app = create_app(house_of(in_folder(tmp_path / "store").store, **settings))

        @app.get("/queue/{path:path}")
        async def who(asks: Annotated[Caller, Depends(caller)]) -> dict[str, str]:
            return {"key": asks.key_id, "scope": asks.scope}

        @app.get("/all")
        async def everything(asks: Annotated[Caller, Depends(admin)]) -> dict[str, str]:
            return {"key": asks.key_id}

        return TestClient(app, base_url=address)

    return open_door
