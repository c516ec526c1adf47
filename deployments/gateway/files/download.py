"""Files to open: uploads, and what requests made."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from blocks.media_store.keys import OUTPUTS
from blocks.uploads import Upload, Uploads
from deployments.gateway.access.caller import Caller
from deployments.gateway.access.denied import forbidden
from deployments.gateway.access.guard import caller
from deployments.gateway.failures import Failure
from deployments.gateway.files.addresses import KEPT, OUTPUT
from deployments.gateway.files.file_name import UNKNOWN
from deployments.gateway.files.media import Medium, answer, no_file
from deployments.gateway.house import House
from deployments.gateway.openapi import ERRORS

router = APIRouter(tags=["files"], responses=ERRORS)


@router.head("/media/files/{file_id}/{name}", include_in_schema=False)
@router.get("/media/files/{file_id}/{name}", summary="Open an uploaded file")
async def open_upload(request: Request, file_id: str, name: str) -> Response:
    """Send a file, or the range of it that is asked for; whoever knows its address may open it."""
    house: House = request.app.state.house
    uploads = Uploads(house.store)
    upload = await to_thread.run_sync(uploads.find, file_id)
    if upload is None or upload.name != name:
        raise no_file()
    await _check_access(upload, request)
    medium = Medium(
        name=upload.name,
        content_type=upload.content_type,
        size=upload.size,
        etag=upload.sha256,
        chunks=lambda start, stop: uploads.chunks(upload, start, stop),
    )
    return await answer(medium, request)


@router.delete("/media/files/{file_id}/{name}", summary="Delete an uploaded file", status_code=204)
async def delete_upload(
    request: Request, file_id: str, name: str, asks: Annotated[Caller, Depends(caller)]
) -> Response:
    """Delete a file of one's own."""
    house: House = request.app.state.house
    uploads = Uploads(house.store)
    upload = await to_thread.run_sync(uploads.find, file_id)
    if upload is None or upload.name != name or not asks.may_see(upload.owner):
        raise no_file()
    await to_thread.run_sync(uploads.remove, upload)
    return Response(status_code=204)


@router.head("/media/outputs/{mark}/{name:path}", include_in_schema=False)
@router.get("/media/outputs/{mark}/{name:path}", summary="Open what a request made")
async def open_output(request: Request, mark: str, name: str) -> Response:
    """Send a finished file, or the range of it that is asked for; its address opens it."""
    house: House = request.app.state.house
    if not house.seal.is_mark(OUTPUT, name, mark):
        raise no_file()
    return await _sent(OUTPUTS, name, mark, request)


@router.head("/media/kept/{mark}/{folder}/{name:path}", include_in_schema=False)
@router.get("/media/kept/{mark}/{folder}/{name:path}", summary="Open a look at drafts")
async def open_kept(request: Request, mark: str, folder: str, name: str) -> Response:
    """Send a clip or a picture of drafts, or the range of it that is asked for."""
    house: House = request.app.state.house
    if not house.seal.is_mark(KEPT, f"{folder}/{name}", mark):
        raise no_file()
    return await _sent(folder, name, mark, request)


async def _sent(folder: str, name: str, mark: str, request: Request) -> Response:
    """Send a file of the store whose mark is right."""
    house: House = request.app.state.house
    place = house.store.own_place(folder)
    found = await to_thread.run_sync(place.find, name)
    if found is None:
        raise no_file()
    medium = Medium(
        name=name.rpartition("/")[2],
        content_type=found.content_type or UNKNOWN,
        size=found.size,
        etag=f"{mark[:16]}-{found.size:x}-{int(found.modified * 1000):x}",
        chunks=lambda start, stop: place.chunks(name, start, stop),
    )
    return await answer(medium, request)


async def _check_access(upload: Upload, request: Request) -> None:
    """Hold to what the sender said about who may open a file.

    Raises:
        Failure: The caller may not; to some the file is not there at all.
    """
    if upload.access == "allow" and not upload.access_of:
        return
    try:
        asks = await caller(request)
    except Failure:
        asks = None
    if asks is not None and asks.may_see(upload.owner):
        return
    access = upload.access_of.get(asks.key_id if asks else "", upload.access)
    if access == "hide":
        raise no_file()
    if access == "forbid":
        raise forbidden("the owner of the file lets nobody else open it")
