"""The key that receivers check webhooks with."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from deployments.gateway.house import House

_KEPT_SECONDS = 24 * 3600

router = APIRouter(tags=["webhooks"])


@router.get("/.well-known/jwks.json", summary="Key of the webhooks")
@router.get("/rest/.well-known/jwks.json", include_in_schema=False)
async def show_key(request: Request) -> Response:
    """Return the public key that webhooks are checked with; to be asked for once a day."""
    house: House = request.app.state.house
    headers = {"cache-control": f"public, max-age={_KEPT_SECONDS}"}
    return JSONResponse(house.webhook_key.jwks, headers=headers)
