"""Files of this machine as conditioning media.

Only the command line and programs may name them: a request that came over a network must not read
the files of the machine that serves it. So they are put into the store before a flow sees the
request, which then also runs on another machine.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blocks.internet.data_uri import is_data_uri
from blocks.media_store import MediaStore
from blocks.media_store.keys import OUTPUTS
from ltxv.errors import Loc, Misconfigured, Refused, shortened
from ltxv.hub_id import is_hub_id
from ltxv.request import LoRASource, VideoRequest
from ltxv.scratch import scratch

_HERE = Path()
_REMOTE = ("http://", "https://", "data:", "s3://")


def local_file(url: str, *, beside: Path, loc: Loc) -> Path | None:
    """Return the file that ``url``, a path or a file:// URL, names; None for other URLs.

    Args:
        url: What the request has.
        beside: Folder that relative paths start from.
        loc: Field of the request, for the error.

    Raises:
        Refused: There is no such file.
    """
    if url.lower().startswith(_REMOTE):
        return None
    named = unquote(urlsplit(url).path) if url.lower().startswith("file://") else url
    try:
        path = (beside / Path(named).expanduser()).resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):
        is_file = False
    if not is_file:
        said = f"there is no file {shortened(url)}; check the path"
        raise Refused.because(loc, said, type="file_download_error", input=url)
    if not os.access(path, os.R_OK):
        said = f"the file {shortened(url)} may not be read; change its permissions"
        raise Refused.because(loc, said, type="file_download_error", input=url)
    return path


def with_stored_data(request: VideoRequest, store: MediaStore) -> VideoRequest:
    """Return the request with the content of its data URIs put into ``store``, named by address.

    Prefect takes no flow run whose parameters have more than 512 kB; a photo as a data URI has.
    Unlike ``with_local_media`` this is for requests of strangers as well.

    Args:
        request: What to generate.
        store: The store that the flow will be given; its limits hold.

    Raises:
        Refused: A data URI is malformed or too large.
        Misconfigured: The store refuses the write.
    """

    def kept(url: str, loc: Loc) -> str:
        if not is_data_uri(url.lstrip()):
            return url
        with scratch() as folder:
            file = folder / "inline"
            store.fetch(url, file, loc=loc)
            return publish_input(file, store)

    return replace_media(request, kept)


def with_local_media(
    request: VideoRequest, store: MediaStore, *, beside: Path = _HERE
) -> VideoRequest:
    """Return the request with its local files put into ``store`` and named by their URLs there.

    The content of data URIs goes there as well.

    Args:
        request: What to generate; its media may be paths.
        store: The store that the flow will be given.
        beside: Folder that relative paths start from; the current one if left out.

    Raises:
        Refused: A file is not there.
        Misconfigured: The store refuses the write.
    """

    def kept(url: str, loc: Loc) -> str:
        path = local_file(url, beside=beside, loc=loc)
        return url if path is None else publish_input(path, store)

    data = replace_media(with_stored_data(request, store), kept).model_dump()
    for lora in request.lora_sources:
        path = local_lora(lora, beside=beside)
        if path is not None:
            data["loras"][lora.loc[1]].update(path=publish_input(path, store), weight_name=None)
    return VideoRequest.model_validate(data)


def local_lora(lora: LoRASource, *, beside: Path) -> Path | None:
    """Return the file that a LoRA's path names, a folder's ``weight_name`` for a folder.

    ``owner/name`` is a file only where there is one of that name; else a repository of the Hub.

    Raises:
        Refused: There is no such file.
    """
    if lora.path.lower().startswith(_REMOTE):
        return None
    if lora.path.lower().startswith("file://"):
        return local_file(lora.path, beside=beside, loc=lora.loc)
    named = beside / Path(lora.path).expanduser()
    if is_hub_id(lora.path) and not named.exists():
        return None
    if named.is_dir():
        if lora.weight_name is None:
            said = f"{shortened(lora.path)} is a folder; name the file in it"
            field = (*lora.loc[:-1], "weight_name")
            raise Refused.because(field, said, type="missing", input=None)
        named = named / lora.weight_name
    return local_file(str(named), beside=beside, loc=lora.loc)


def replace_media(request: VideoRequest, replace: Callable[[str, Loc], str]) -> VideoRequest:
    """Return the request with the URL of each medium replaced."""
    data = request.model_dump()
    for source in request.media:
        field, index, name = source.loc
        data[str(field)][index][name] = replace(source.url, source.loc)
    return VideoRequest.model_validate(data)


def publish_input(path: Path, store: MediaStore) -> str:
    """Put a file among the inputs of ``store`` and return its address there.

    Raises:
        Misconfigured: It cannot be read, or the store refuses the write.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}; try a copy") from error
    name = f"inputs/{digest}{path.suffix.lower()}"
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    store.publish(path, name=name, content_type=content_type)
    return store.own_address(f"{OUTPUTS}/{name}")
