"""Files that arrive, whole or in parts."""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager
from typing import Any

from anyio import to_thread
from fastapi import Request
from pydantic import BaseModel, Field, ValidationError

from blocks.media_store.backend import Write
from blocks.upload_parts import MOST_PARTS, Part, UploadParts
from blocks.uploads import Upload, Uploads
from deployments.gateway.failures import Failure
from deployments.gateway.files.receive import Received, receive, told_size, too_large
from deployments.gateway.files.room import room_of
from deployments.gateway.files.ticket import Ticket
from deployments.gateway.house import House
from deployments.gateway.intake import body_of

_LARGEST_LIST = 4 * 2**20


class SentPart(BaseModel):
    """A part, as its sender was told of it."""

    partNumber: int = Field(ge=1, le=MOST_PARTS)  # noqa: N815 - the clients' word
    etag: str = Field(max_length=200)


class PartList(BaseModel):
    """All parts of a file, in any order."""

    parts: list[SentPart] = Field(min_length=1, max_length=MOST_PARTS)


async def take_file(request: Request, ticket: Ticket) -> Upload:
    """Keep the body of a request as the file of a ticket.

    The same file sent again is taken for the same: a client whose connection dropped does that.

    Raises:
        Failure: The body is not acceptable, or another one was sent before.
        LTXError: The store fails.
    """
    house: House = request.app.state.house
    uploads = Uploads(house.store)
    known = await to_thread.run_sync(uploads.known, ticket.id)
    most, expected = house.max_upload_bytes, told_size(request)
    if known is None:
        target = uploads.writing(ticket.id, ticket.name, content_type=ticket.content_type)
        async with room_of(request).taking(ticket.owner, ticket.id, expected=expected) as took:
            received = await receive(request, target, most=most, took=took)
            return await to_thread.run_sync(_keep, uploads, ticket, received)
    received = await receive(request, _Nowhere(), most=most)
    if known.is_over or known.sha256 != received.sha256:
        raise _sent_before()
    return known


async def take_part(request: Request, ticket: Ticket, number: int) -> Part:
    """Keep the body of a request as a part of the file of a ticket.

    Raises:
        Failure: The body is not acceptable, or the file was completed before.
        LTXError: The store fails.
    """
    house: House = request.app.state.house
    if not 1 <= number <= MOST_PARTS:
        said = f"parts are numbered from 1 to {MOST_PARTS}"
        raise Failure.of_type("bad_request", said)
    parts = UploadParts(ticket.id, house.store)
    if await to_thread.run_sync(Uploads(house.store).known, ticket.id) is not None:
        raise _sent_before()
    there = await to_thread.run_sync(parts.sizes)
    others = sum(size for one, size in there.items() if one != number)
    most = house.max_upload_bytes - others
    if most <= 0:
        raise too_large(house.max_upload_bytes)
    coming = room_of(request).taking(
        ticket.owner, ticket.id, number=number, expected=told_size(request)
    )
    async with coming as took:
        received = await receive(request, parts.writing(number), most=most, took=took)
    return Part(number, received.sha256)


async def parts_there(request: Request, ticket: Ticket) -> list[dict[str, int]]:
    """Say which parts arrived, for a sender who goes on after a break."""
    house: House = request.app.state.house
    there = await to_thread.run_sync(UploadParts(ticket.id, house.store).sizes)
    return [{"partNumber": number, "size": there[number]} for number in sorted(there)]


async def join_parts(request: Request, ticket: Ticket) -> Upload:
    """Make the file of a ticket of the parts that its sender lists.

    Raises:
        Failure: The list is not acceptable.
        Refused: A part is missing or is not what was sent.
        LTXError: The store fails.
    """
    house: House = request.app.state.house
    listed = _listed(await body_of(request, most=_LARGEST_LIST))
    upload = await to_thread.run_sync(_join, listed, ticket, house)
    await room_of(request).joined(upload)
    return upload


def _join(listed: list[Part], ticket: Ticket, house: House) -> Upload:
    uploads, parts = Uploads(house.store), UploadParts(ticket.id, house.store)
    known = uploads.known(ticket.id)
    if known is not None and not known.is_over:  # asked again: the first answer got lost
        return known
    if known is not None:
        raise _sent_before()
    digest, size = hashlib.sha256(), 0
    with uploads.writing(ticket.id, ticket.name, content_type=ticket.content_type) as write:
        for chunk in parts.joined(listed):
            size += len(chunk)
            if size > house.max_upload_bytes:
                raise too_large(house.max_upload_bytes)
            digest.update(chunk)
            write(chunk)
    upload = _keep(uploads, ticket, Received(size, digest.hexdigest()))
    parts.remove()
    return upload


def _listed(body: bytes) -> list[Part]:
    try:
        told: Any = json.loads(body)
        sent = PartList.model_validate(told).parts
    except (ValueError, RecursionError, ValidationError) as error:
        said = 'the body must be {"parts": [{"partNumber": 1, "etag": "…"}, …]}'
        raise Failure.of_request(("parts",), said, type="value_error") from error
    parts = [Part(one.partNumber, one.etag.strip('"')) for one in sent]
    if len({part.number for part in parts}) < len(parts):
        said = "a part is listed twice; list each once"
        raise Failure.of_request(("parts",), said, type="value_error")
    return parts


def _keep(uploads: Uploads, ticket: Ticket, received: Received) -> Upload:
    upload = ticket.upload(size=received.size, sha256=received.sha256)
    uploads.keep(upload)
    return upload


def _sent_before() -> Failure:
    said = "another file was sent to this address before; start a new upload"
    return Failure(409, said, error_type="conflict")


class _Nowhere(AbstractContextManager[Write]):
    """Takes bytes that are there already."""

    def __enter__(self) -> Write:
        return len

    def __exit__(self, *_: object) -> None:
        pass
