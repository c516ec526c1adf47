"""Latents in the store."""

from __future__ import annotations

import json
import struct

from blocks.media_store import MediaStore
from ltxv.refs import LatentRef
from tasks.patience import kept

_LENGTH = struct.Struct("<Q")


def keep_latents(content: bytes, store: MediaStore) -> LatentRef:
    """Keep what a pass gave back, safetensors with a tensor ``latents``."""
    stored = kept(content, folder="latents", suffix=".safetensors", store=store)
    return LatentRef(**stored.model_dump(), shape=_shape(content))


def _shape(content: bytes) -> tuple[int, int, int, int, int]:
    """Read the shape off safetensors' JSON header, which needs no tensor library."""
    (length,) = _LENGTH.unpack_from(content)
    header = json.loads(content[_LENGTH.size : _LENGTH.size + length])
    batch, channels, frames, height, width = header["latents"]["shape"]
    return batch, channels, frames, height, width
