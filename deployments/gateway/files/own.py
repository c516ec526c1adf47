"""The gateway's own addresses: in requests, where flows cannot open them, and in results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from blocks.local_media import replace_media
from blocks.media_store import MediaStore
from blocks.media_store.keys import OUTPUTS
from blocks.run_notes import published_name
from blocks.uploads import Uploads
from deployments.gateway.access.caller import Caller
from deployments.gateway.access.seal import Seal
from deployments.gateway.files.addresses import OUTPUT, output_address
from deployments.gateway.house import House
from ltxv.errors import Loc, Refused
from ltxv.request import VideoRequest
from ltxv.result import File

_UPLOAD = re.compile(r"(?:/media)?/files/([0-9a-f]{32})/([^/]+)")
_OUTPUT = re.compile(r"(?:/media)?/outputs/([0-9a-f]{32})/(.+)")


def with_own_files(request: VideoRequest, house: House, *, asks: Caller) -> VideoRequest:
    """Return the request with files of this gateway named as the store knows them.

    The gateway may have a private address, which flows would refuse, and need not send to itself.
    What an address names is found by its path, so that it does not matter by which name the gateway
    was reached; what names nothing here stays as it is.

    Args:
        request: What a caller asks for.
        house: The gateway's.
        asks: Who asks.

    Raises:
        Refused: A file was deleted, its time is over, or it is not this caller's to use.
        LTXError: The store fails.
    """

    def kept(url: str, loc: Loc) -> str:
        return _own_address(url, loc, house=house, asks=asks) or url

    data = replace_media(request, kept).model_dump()
    for lora in request.lora_sources:
        data["loras"][lora.loc[1]]["path"] = kept(lora.path, lora.loc)
    return VideoRequest.model_validate(data)


def with_public_files(
    made: Mapping[str, Any], *, store: MediaStore, seal: Seal, media: str
) -> dict[str, Any]:
    """Return what a request made, of each video with an address that its caller can open now.

    Args:
        made: A result, or the results of drafts.
        store: Where its videos are.
        seal: Of the gateway.
        media: Address of the door ``media`` as the caller reaches it.
    """
    results = made.get("results")
    if results is None:
        return with_public_file(made, store=store, seal=seal, media=media)
    public = [with_public_file(one, store=store, seal=seal, media=media) for one in results]
    return {**made, "results": public}


def with_public_file(
    made: Mapping[str, Any], *, store: MediaStore, seal: Seal, media: str
) -> dict[str, Any]:
    """Return a result whose video has an address that its caller can open now.

    A file of a local folder is opened through the gateway, a signed address is made anew.

    Args:
        made: The result.
        store: Where its video is.
        seal: Of the gateway.
        media: Address of the door ``media`` as the caller reaches it.
    """
    video = made["video"]
    name = published_name(File.model_validate(video), store)
    if store.own_place(OUTPUTS).find(name) is None:
        return dict(made)
    url = store.url(f"{OUTPUTS}/{name}")
    if url.startswith("file:"):
        url = output_address(name, media, seal)
    return {**made, "video": {**video, "url": url}}


def _own_address(url: str, loc: Loc, *, house: House, asks: Caller) -> str | None:
    """Return the store's address of what ``url`` names here; None if it names nothing here."""
    path = _path_of(url)
    upload, output = _UPLOAD.fullmatch(path), _OUTPUT.fullmatch(path)
    if upload is not None:
        return _of_upload(upload[1], unquote(upload[2]), _refused(url, loc), house, asks)
    if output is not None and house.seal.is_mark(OUTPUT, unquote(output[2]), output[1]):
        return house.store.own_address(f"{OUTPUTS}/{unquote(output[2])}")
    return None


def _of_upload(
    id_: str, name: str, refused: Callable[[str], Refused], house: House, asks: Caller
) -> str | None:
    uploads = Uploads(house.store)
    upload = uploads.known(id_)
    if upload is None or upload.name != name:
        return None
    if upload.is_over:
        raise refused("the file was deleted or its time is over; upload it again")
    access = upload.access_of.get(asks.key_id, upload.access)
    if access != "allow" and not asks.may_see(upload.owner):
        raise refused("the owner of the file does not let this key use it; upload your own")
    return uploads.address(upload)


def _refused(url: str, loc: Loc) -> Callable[[str], Refused]:
    def refused(said: str) -> Refused:
        msg = f"could not be downloaded: {said}"
        return Refused.because(loc, msg, type="file_download_error", input=url)

    return refused


def _path_of(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return parts.path if parts.scheme in ("http", "https") else ""
