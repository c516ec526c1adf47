"""Tokens that a browser can have in the place of a key: for one application, for minutes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from deployments.gateway.access.caller import Caller
from deployments.gateway.access.guard import TOKEN, caller
from deployments.gateway.openapi import ERRORS
from deployments.gateway.small_body import body_schema, small_body

_LONGEST_SECONDS = 3600

router = APIRouter(tags=["access"], responses=ERRORS)

App = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._/-]*[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=200)
]


class TokenRequest(BaseModel):
    """What a token is asked for."""

    allowed_apps: list[App] = Field(
        min_length=1, max_length=20, description="Aliases of the applications that it is for."
    )
    token_expiration: int = Field(
        default=120, ge=1, le=_LONGEST_SECONDS, description="Seconds for which it holds."
    )


@router.post(
    "/rest/tokens/", summary="Make a token for a browser", openapi_extra=body_schema(TokenRequest)
)
@router.post("/rest/tokens", include_in_schema=False)
async def make_token(
    request: Request,
    asks: Annotated[Caller, Depends(caller)],
    asked: Annotated[TokenRequest, Depends(small_body(TokenRequest))],
) -> str:
    """Return a token that opens some applications for a while, to be sent as `fal_jwt_token`."""
    token: str = request.app.state.house.seal.sign(
        TOKEN,
        {"sub": asks.key_id, "apps": asked.allowed_apps},
        seconds=asked.token_expiration,
    )
    return token
