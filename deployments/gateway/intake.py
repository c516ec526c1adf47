"""From a body that a stranger sent to a request that may be submitted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, NoReturn

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request

from blocks.internet.data_uri import is_data_uri
from blocks.local_media import with_stored_data
from deployments.gateway.access.caller import Caller
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.failures import Failure
from deployments.gateway.files.own import with_own_files
from deployments.gateway.house import House
from ltxv.errors import Loc, Refused, Violation, shortened
from ltxv.request import VideoRequest
from ltxv.unsupported import refuse_unsupported

LARGEST_BODY = 64 * 2**20
BODY_SECONDS = 120.0
"""How long a body may take to come."""
_WEB = ("http://", "https://")


async def body_of(request: Request, *, most: int = LARGEST_BODY) -> bytes:
    """Return a body that is not too large.

    Raises:
        Failure: It is, or it takes too long; or its sender went away.
    """
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError as late:
        said = f"the body did not come within {BODY_SECONDS:.0f} seconds"
        headers = {"connection": "close"}
        raise Failure(408, said, error_type="bad_request", headers=headers) from late
    except ClientDisconnect as gone:
        raise Failure.of_type("client_disconnected", "the client went away") from gone
    return bytes(body)


def json_of(body: bytes) -> Any:
    """Return what a body says.

    Raises:
        Failure: It is no JSON.
    """
    try:
        return json.loads(body, parse_constant=_no_number)
    except RecursionError as error:
        raise _no_json("it is nested too deeply") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise _no_json(str(error)) from error


async def video_request(
    body: bytes, endpoint: Endpoint, *, house: House, asks: Caller
) -> VideoRequest:
    """Return the request that a caller sent, with its data and uploads as the store has them.

    Args:
        body: As it was sent.
        endpoint: Where it was sent.
        house: Whose store the workers look in.
        asks: Who sent it.

    Raises:
        Failure: It is no JSON.
        Refused: It is not acceptable; nothing was submitted.
    """
    return await to_thread.run_sync(
        lambda: checked(json_of(body), endpoint, house=house, asks=asks)
    )


def checked(data: Any, endpoint: Endpoint, *, house: House, asks: Caller) -> VideoRequest:
    """Return the request that JSON describes, with its data and uploads as the store has them.

    Args:
        data: As it was sent.
        endpoint: Where it was sent.
        house: Whose store the workers look in.
        asks: Who sent it.

    Raises:
        Refused: It is not acceptable.
    """
    asked = endpoint.kind.request(data, endpoint.defaults)
    try:
        refuse_unsupported(asked)
        _refuse_places(asked)
        return with_stored_data(with_own_files(asked, house, asks=asks), house.store)
    except Refused as refused:
        own = (replace(one, loc=endpoint.kind.own(one.loc)) for one in refused.violations)
        raise Refused(*own) from refused


def _refuse_places(asked: VideoRequest) -> None:
    """Refuse media that are no address of the web: paths and buckets are the operator's."""
    named: list[tuple[str, Loc]] = [
        *((source.url, source.loc) for source in asked.media),
        *((lora.path, lora.loc) for lora in asked.lora_sources if _is_place(lora.path)),
    ]
    wrong = [
        Violation(
            loc=loc,
            msg=f"cannot be {shortened(url)}: give an http or https URL, or a data URI",
            type="file_download_error",
            input=url,
        )
        for url, loc in named
        if not _is_web(url)
    ]
    if wrong:
        raise Refused(*wrong)


def _is_web(url: str) -> bool:
    text = url.strip()
    return text.lower().startswith(_WEB) or is_data_uri(text)


def _is_place(path: str) -> bool:
    """Say whether a LoRA's path is more than the name of a repository."""
    return "://" in path or path.startswith(("/", ".", "~"))


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")


def _no_json(said: str) -> Failure:
    return Failure.of_request((), f"the body is no JSON: {said}", type="json_invalid")


def _too_large(most: int) -> Failure:
    said = f"the body is larger than {most} bytes; send large files by URL"
    return Failure.of_details(
        [{"loc": ["body"], "msg": said, "type": "file_too_large", "ctx": {"max_size": most}}],
        status=413,
    )
