"""Uploads as the Python client sends them: with a token, to the host of the files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import JSONResponse, Response

from blocks.uploads import new_upload_id
from deployments.gateway.access.caller import NOBODY, Caller
from deployments.gateway.access.denied import forbidden, unauthorized
from deployments.gateway.access.guard import caller
from deployments.gateway.access.seal import is_token
from deployments.gateway.files.addresses import file_address
from deployments.gateway.files.bodies import BYTES, PARTS
from deployments.gateway.files.file_name import file_name, media_type
from deployments.gateway.files.lifetime import lifecycle_of
from deployments.gateway.files.room import room_of
from deployments.gateway.files.sending import join_parts, take_file, take_part
from deployments.gateway.files.ticket import Ticket, opened
from deployments.gateway.house import House
from deployments.gateway.openapi import ERRORS

CDN = "cdn"
CDN_SECONDS = 2 * 3600
_NAME = "x-fal-file-name"

router = APIRouter(tags=["files"], responses=ERRORS)


async def sender(request: Request) -> Caller:
    """Return who sends a file: the holder of an upload token, or of a key.

    Raises:
        Failure: Neither is in the request, the token is over, or its key was revoked.
    """
    house: House = request.app.state.house
    _, _, shown = request.headers.get("authorization", "").partition(" ")
    if await house.keys.is_open() or not is_token(shown.strip()):
        return await caller(request)
    claims = house.seal.open(CDN, shown.strip())
    key_id = str((claims or {}).get("sub", NOBODY.key_id))
    record = None if key_id == NOBODY.key_id else await house.keys.in_force(key_id)
    if record is None:
        raise unauthorized("the upload token is not valid here or is over; ask for another one")
    return Caller(record.id, "user")


Sends = Annotated[Caller, Depends(sender)]
UploadId = Annotated[str, Path(max_length=8192)]
Number = Annotated[int, Path(ge=1, le=10_000)]


@router.post("/media/files/upload", summary="Send a file at once", openapi_extra=BYTES)
async def upload(request: Request, sends: Sends) -> Response:
    """Keep a file; its name is in `X-Fal-File-Name`, its type in `Content-Type`."""
    kept = await take_file(request, _ticket(request, sends))
    return JSONResponse({"access_url": file_address(kept.id, kept.name, request)})


@router.post("/media/files/upload/multipart", summary="Begin a file in parts")
async def begin(request: Request, sends: Sends) -> Response:
    """Return where the file will be, and the id under which its parts are sent."""
    await room_of(request).check(sends.key_id)
    ticket = _ticket(request, sends)
    house: House = request.app.state.house
    content = {
        "access_url": file_address(ticket.id, ticket.name, request),
        "uploadId": ticket.signed(house),
    }
    return JSONResponse(content)


async def own_ticket(
    request: Request, file_id: str, name: str, upload_id: UploadId, sends: Sends
) -> Ticket:
    """Return the ticket of an upload that the caller began.

    Raises:
        Failure: It is none, or somebody else's.
    """
    ticket = await opened(upload_id, request.app.state.house, id_=file_id)
    if ticket.owner != sends.key_id or ticket.name != name:
        raise forbidden("the upload is another key's; start your own")
    return ticket


Own = Annotated[Ticket, Depends(own_ticket)]


@router.put(
    "/media/files/{file_id}/{name}/multipart/{upload_id}/{number}",  # noqa: FAST003 - `Own` takes them
    summary="Send a part of a file",
    openapi_extra=BYTES,
)
async def put_part(request: Request, number: Number, ticket: Own) -> Response:
    """Keep a part, in place of one with its number; parts may come in any order."""
    part = await take_part(request, ticket, number)
    content = {"partNumber": part.number, "etag": part.etag}
    return JSONResponse(content, headers={"etag": f'"{part.etag}"'})


@router.post(
    "/media/files/{file_id}/{name}/multipart/{upload_id}/complete",  # noqa: FAST003 - `Own` takes them
    summary="Complete a file in parts",
    openapi_extra=PARTS,
)
async def complete(request: Request, ticket: Own) -> Response:
    """Make the file of its parts, which may be listed in any order."""
    kept = await join_parts(request, ticket)
    return JSONResponse({"access_url": file_address(kept.id, kept.name, request)})


def _ticket(request: Request, sends: Caller) -> Ticket:
    content_type = media_type(request.headers.get("content-type"))
    lifecycle = lifecycle_of(request.headers)
    return Ticket(
        id=new_upload_id(),
        name=file_name(request.headers.get(_NAME), content_type),
        content_type=content_type,
        owner=sends.key_id,
        seconds=lifecycle.seconds,
        access=lifecycle.initial_acl.default,
        access_of=lifecycle.access_of,
    )
