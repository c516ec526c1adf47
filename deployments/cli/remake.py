"""``ltx generate --from``: the request in a finished clip."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from blocks.kept_media import kept_lora, kept_medium
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.saved import saved
from deployments.cli.server import reach_server
from ltxv.errors import Refused
from ltxv.media.write import VideoQuality

_SHA256 = "^[0-9a-f]{64}$"


class _Medium(BaseModel, extra="allow"):
    kind: Literal["image", "video"]
    sha256: str = Field(pattern=_SHA256)


class _LoRA(BaseModel, extra="ignore"):
    sha256: str = Field(pattern=_SHA256)
    scale: float


class _Request(BaseModel, extra="allow"):
    """What our own tags have; a stranger's clip may have anything there."""

    media: tuple[_Medium, ...] = ()
    loras: tuple[_LoRA, ...] = ()


class Recorded(NamedTuple):
    """What a clip says of how to make it again."""

    request: dict[str, Any]
    quality: VideoQuality


def recorded_request(clip: Path, *, model: str, store: str) -> Recorded:
    """Return the request that made ``clip``, its media taken from the store by their digests.

    What would make it another clip, such as another model, is a warning on stderr.

    Args:
        clip: An mp4 of ours.
        model: Name of the model block that will run.
        store: Name of the store block that has the media.

    Raises:
        Refused: It is no clip of ours, or the store no longer has its media.
    """
    from ltxv.inspection import inspect_clip  # noqa: PLC0415 - loads the C2PA library

    made = inspect_clip(clip)
    if made.credentials.state == "invalid":
        _warn(f"{clip} was changed after it was signed; its request may not be what made it")
    reach_server()
    runs = saved(LTXModel, model).identity.model_dump(mode="json")
    if runs != made.model:
        differs = ", ".join(
            f"{name} {made.model.get(name)} is now {value}"
            for name, value in runs.items()
            if made.model.get(name) != value
        )
        _warn(f"{clip} was made by another model: {differs}")
    return Recorded(
        request=_with_media(made.request, made.seed, clip, saved(MediaStore, store)),
        quality=made.quality,
    )


def _with_media(
    request: Mapping[str, Any], seed: int, clip: Path, store: MediaStore
) -> dict[str, Any]:
    try:
        recorded = _Request.model_validate(request)
    except ValidationError as error:
        raise Refused.because(
            (str(clip),), "has tags that LTX Flows does not understand", type="value_error"
        ) from error
    items: dict[str, list[dict[str, Any]]] = {"image": [], "video": []}
    gone = []
    for item in recorded.media:
        url = kept_medium(item.sha256, store)
        if url is None:
            gone.append(f"{item.kind} {item.sha256}")
        # Last, so that no clip can name a file of whoever makes it again.
        items[item.kind].append({**(item.model_extra or {}), f"{item.kind}_url": url})
    loras = [
        {"path": kept_lora(lora.sha256, store), "scale": lora.scale} for lora in recorded.loras
    ]
    gone += [
        f"LoRA {lora.sha256}"
        for lora, found in zip(recorded.loras, loras, strict=True)
        if found["path"] is None
    ]
    if gone:
        raise Refused.because(
            (str(clip),),
            f"the store no longer has what it was made from: {', '.join(gone)}; name the store "
            "that made it with --store, or give it again with --image, --video and --set loras=…",
            type="file_download_error",
        )
    return {
        **(recorded.model_extra or {}),
        "seed": seed,
        "images": items["image"],
        "videos": items["video"],
        "loras": loras,
    }


def _warn(line: str) -> None:
    print(f"ltx: warning: {line}", file=sys.stderr)
