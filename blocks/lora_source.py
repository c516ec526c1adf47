"""Where a LoRA comes from: a URL, the store, or a repository of the Hub."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from blocks.media_store import MediaStore
from ltxv.errors import Loc, Refused, Transient, shortened
from ltxv.hub_id import is_hub_id

_WEIGHT_NAME = re.compile(r"(?:[\w][\w.-]*/){0,4}[\w][\w.-]*\.safetensors")
_GIVEN = "file_download_error"


def bring_lora(
    path: str, weight_name: str | None, target: Path, *, loc: Loc, store: MediaStore
) -> None:
    """Bring the bytes of a LoRA into the file ``target``.

    Repositories of the Hub are read as anyone may read them, never with the operator's token.

    Args:
        path: http(s) URL, data URI, URL of the store, or ``owner/name`` on the Hub.
        weight_name: File of the repository; needed only where it has several.
        target: Where to.
        loc: Field of the request, for errors.
        store: Whose limits hold; a LoRA may have ``max_lora_bytes``.

    Raises:
        Refused: It is not there, not allowed or too large.
        Transient: The network, the Hub or the store failed.
    """
    if is_hub_id(path):
        _from_hub(path, weight_name, target, loc=loc, most=store.limits.max_lora_bytes)
        return
    limits = store.limits
    roomy = limits.model_copy(update={"max_bytes": limits.max_lora_bytes})
    store.model_copy(update={"limits": roomy}).fetch(path, target, loc=loc)


def _from_hub(
    repository: str, weight_name: str | None, target: Path, *, loc: Loc, most: int
) -> None:
    import httpx  # noqa: PLC0415 - with the next, only where the Hub is asked
    from huggingface_hub import HfApi, hf_hub_download  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    def refused(reason: str) -> Refused:
        return Refused.because(loc, reason, type=_GIVEN, input=repository)

    try:
        info = HfApi(token=False).model_info(repository, files_metadata=True)
        sizes = {
            file.rfilename: file.size or 0
            for file in info.siblings or ()
            if _WEIGHT_NAME.fullmatch(file.rfilename)
        }
        name = _choose(repository, weight_name, sorted(sizes), loc=loc)
        if sizes[name] > most:
            raise refused(f"{name} has {sizes[name]} bytes, more than {most}; send a smaller LoRA")
        shutil.copyfile(hf_hub_download(repository, name, revision=info.sha, token=False), target)
    except RepositoryNotFoundError as error:
        raise refused(
            f"the Hub has no public repository {repository}; check its name, or send a URL"
        ) from error
    except (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        httpx.HTTPError,
    ) as error:
        raise Transient(
            f"the Hub cannot be reached for {repository}: {type(error).__name__}"
        ) from error


def _choose(repository: str, weight_name: str | None, names: list[str], *, loc: Loc) -> str:
    """Return the one file that is meant."""
    field = (*loc[:-1], "weight_name")
    shown = shortened(", ".join(names)) or "none"
    if weight_name is not None:
        if weight_name in names:
            return weight_name
        said = f"{repository} has no such file; its safetensors files are: {shown}"
        raise Refused.because(field, said, type="one_of", input=weight_name)
    if len(names) != 1:
        said = f"{repository} has {len(names)} safetensors files; name one of: {shown}"
        raise Refused.because(field, said, type="missing", input=None)
    return names[0]
