"""``ltx generate --from``: the request in a finished clip."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from blocks.kept_media import kept_lora, kept_medium
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.saved import saved
from deployments.cli.server import reach_server
from ltxv.errors import Refused
from ltxv.media.write import VideoQuality


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
        quality=cast("VideoQuality", made.quality),
    )


def _with_media(
    request: Mapping[str, Any], seed: int, clip: Path, store: MediaStore
) -> dict[str, Any]:
    data = {field: value for field, value in request.items() if field != "media"}
    items: dict[str, list[dict[str, Any]]] = {"image": [], "video": []}
    gone = []
    for item in request.get("media", ()):
        placed = dict(item)
        kind, sha256 = placed.pop("kind"), placed.pop("sha256")
        url = kept_medium(sha256, store)
        if url is None:
            gone.append(f"{kind} {sha256}")
        items[kind].append({f"{kind}_url": url, **placed})
    loras = [
        {"path": kept_lora(lora["sha256"], store), "scale": lora["scale"]}
        for lora in request.get("loras", ())
    ]
    gone += [
        f"LoRA {lora['sha256']}"
        for lora, found in zip(request.get("loras", ()), loras, strict=True)
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
        **data,
        "seed": seed,
        "images": items["image"],
        "videos": items["video"],
        "loras": loras,
    }


def _warn(line: str) -> None:
    print(f"ltx: warning: {line}", file=sys.stderr)
