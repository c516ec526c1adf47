"""Uploads as the JavaScript client sends them, and the Python client where its CDN fails.

The client asks where to, and then puts the file there without its key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from blocks.uploads import new_upload_id
from deployments.gateway.access.caller import Caller
from deployments.gateway.access.guard import caller
from deployments.gateway.files.addresses import file_address, upload_address
from deployments.gateway.files.bodies import BYTES, PARTS
from deployments.gateway.files.cdn import CDN, CDN_SECONDS
from deployments.gateway.files.file_name import file_name, media_type
from deployments.gateway.files.lifetime import lifecycle_of
from deployments.gateway.files.room import room_of
from deployments.gateway.files.sending import (
    join_parts,
    parts_there,
    take_file,
    take_part,
)
from deployments.gateway.files.ticket import Ticket, opened
from deployments.gateway.hosts import address_of
from deployments.gateway.house import House
from deployments.gateway.openapi import ERRORS
from deployments.gateway.small_body import body_schema, small_body

router = APIRouter(tags=["files"], responses=ERRORS)

Asks = Annotated[Caller, Depends(caller)]
Token = Annotated[str, Query(alias="ticket", max_length=8192, description="Part of the address.")]
Number = Annotated[int, Path(ge=1, le=10_000)]


class UploadRequest(BaseModel):
    """A file that is to come."""

    content_type: str | None = Field(default=None, max_length=200)
    file_name: str | None = Field(default=None, max_length=1000)


_ASKED = body_schema(UploadRequest)


class UploadPlace(BaseModel):
    """Where to send it, and where it will be."""

    upload_url: str
    file_url: str


class CdnToken(BaseModel):
    """Leave to send files for a while."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme
    base_url: str
    expires_at: datetime


@router.post("/rest/storage/upload/initiate", summary="Begin an upload", openapi_extra=_ASKED)
@router.post(
    "/rest/storage/upload/initiate-multipart",
    summary="Begin an upload in parts",
    openapi_extra=_ASKED,
)
async def initiate(
    request: Request,
    asks: Asks,
    asked: Annotated[UploadRequest, Depends(small_body(UploadRequest))],
) -> UploadPlace:
    """Return the address to PUT a file to, good for an hour, and the one it will have.

    A file in parts is sent to `{path}/{number}{query}` of the first, in any order, and completed by
    a POST to `{path}/complete{query}`.
    """
    await room_of(request).check(asks.key_id)
    lifecycle = lifecycle_of(request.headers)
    content_type = media_type(asked.content_type)
    ticket = Ticket(
        id=new_upload_id(),
        name=file_name(asked.file_name, content_type),
        content_type=content_type,
        owner=asks.key_id,
        seconds=lifecycle.seconds,
        access=lifecycle.initial_acl.default,
        access_of=lifecycle.access_of,
    )
    house: House = request.app.state.house
    return UploadPlace(
        upload_url=upload_address(ticket.id, ticket.signed(house), request),
        file_url=file_address(ticket.id, ticket.name, request),
    )


@router.post("/rest/storage/auth/token", summary="Make a token for uploads")
async def make_token(request: Request, asks: Asks) -> CdnToken:
    """Return a token that the Python client sends its files with."""
    house: House = request.app.state.house
    return CdnToken(
        token=house.seal.sign(CDN, {"sub": asks.key_id}, seconds=CDN_SECONDS),
        base_url=address_of(request, "media"),
        expires_at=datetime.now(UTC) + timedelta(seconds=CDN_SECONDS // 2),
    )


@router.put("/media/upload/{upload_id}", summary="Send a file", openapi_extra=BYTES)
async def put_file(request: Request, upload_id: str, token: Token) -> Response:
    """Keep a file. The same bytes may be sent again, others may not."""
    ticket = await opened(token, request.app.state.house, id_=upload_id)
    upload = await take_file(request, ticket)
    content = {"file_url": file_address(upload.id, upload.name, request)}
    return JSONResponse(content, headers={"etag": f'"{upload.sha256}"'})


@router.put("/media/upload/{upload_id}/{number}", summary="Send a part", openapi_extra=BYTES)
async def put_part(request: Request, upload_id: str, number: Number, token: Token) -> Response:
    """Keep a part, in place of one with its number."""
    ticket = await opened(token, request.app.state.house, id_=upload_id)
    part = await take_part(request, ticket, number)
    content = {"partNumber": part.number, "etag": part.etag}
    return JSONResponse(content, headers={"etag": f'"{part.etag}"'})


@router.get("/media/upload/{upload_id}", summary="Which parts arrived")
async def get_parts(request: Request, upload_id: str, token: Token) -> Response:
    """Say which parts are there, so that a broken upload can go on."""
    ticket = await opened(token, request.app.state.house, id_=upload_id)
    return JSONResponse({"parts": await parts_there(request, ticket)})


@router.post(
    "/media/upload/{upload_id}/complete", summary="Complete an upload", openapi_extra=PARTS
)
async def complete(request: Request, upload_id: str, token: Token) -> Response:
    """Make the file of its parts, which may be listed in any order."""
    ticket = await opened(token, request.app.state.house, id_=upload_id)
    upload = await join_parts(request, ticket)
    return JSONResponse({"file_url": file_address(upload.id, upload.name, request)})
