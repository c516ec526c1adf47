"""Bring a LoRA into the store."""

from __future__ import annotations

from datetime import timedelta

from blocks.lora_source import bring_lora
from blocks.media_store import MediaStore
from ltxv.errors import Loc
from ltxv.lora_file import read_lora_keys
from ltxv.refs import Ref
from ltxv.scratch import scratch
from tasks.stage import stage

_SAME_CONTENT_FOR = timedelta(hours=1)
"""How long an address is taken to lead to the same bytes, as for media."""


@stage(key=["path", "weight_name"], keep=_SAME_CONTENT_FOR)
def fetch_lora(*, path: str, weight_name: str | None, loc: Loc, store: MediaStore) -> Ref:
    """Download one LoRA, check that it is one by its content, and keep it.

    Args:
        path: http(s) URL, data URI, URL of the store, or ``owner/name`` on the Hub.
        weight_name: File of the repository; needed only where it has several.
        loc: Field of the request, for errors.
        store: Where it is kept; its limits hold for the download.

    Raises:
        Refused: It is not allowed, not there, too large, or no LoRA in safetensors.
        Transient: The network, the Hub or the store failed.
    """
    with scratch() as folder:
        file = folder / "lora.safetensors"
        bring_lora(path, weight_name, file, loc=loc, store=store)
        read_lora_keys(file, loc=loc)
        return store.put(file, folder="loras", suffix=".safetensors")
