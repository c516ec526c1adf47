"""Media and LoRAs that a store still has from an earlier request."""

from __future__ import annotations

from blocks.local_media import publish_input
from blocks.media_store import MediaStore


def kept_medium(sha256: str, store: MediaStore) -> str | None:
    """Return an address at which ``store`` opens the medium with that digest; None if it is gone.

    Raises:
        Misconfigured: The store denies access.
        Transient: The store cannot be reached.
    """
    return _kept(sha256, store, folder="media", suffix="")


def kept_lora(sha256: str, store: MediaStore) -> str | None:
    """Return an address at which ``store`` opens the LoRA with that digest; None if it is gone.

    Raises:
        Misconfigured: The store denies access.
        Transient: The store cannot be reached.
    """
    return _kept(sha256, store, folder="loras", suffix=".safetensors")


def _kept(sha256: str, store: MediaStore, *, folder: str, suffix: str) -> str | None:
    ref = store.kept(sha256, folder=folder, suffix=suffix)
    if ref is None:
        return None
    with store.open(ref) as file:
        return publish_input(file, store)
