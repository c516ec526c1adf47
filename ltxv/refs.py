"""Names of bytes in the store: what stages hand to each other instead of the bytes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ltxv.frozen import Frozen


class Ref(Frozen):
    """Bytes kept in the store under ``path``, checked against ``sha256`` when they are read.

    The digest alone is what cache keys are made of: equal digests are equal content.
    """

    path: str = Field(description="Where the store keeps the bytes, relative to its root.")
    sha256: str = Field(description="Digest of the bytes, 64 hexadecimal digits.")
    size: int = Field(description="Length in bytes.")


class MediaRef(Ref):
    """A picture or a clip, with what a probe of its content said."""

    kind: Literal["image", "video"]
    content_type: str = Field(description="MIME type decided by content, such as video/mp4.")
    width: int = Field(description="Displayed width in pixels, rotation applied.")
    height: int = Field(description="Displayed height in pixels, rotation applied.")
    frames: int = Field(description="Number of frames; 1 for an image.")
    frame_rate: float = Field(description="Frames per second; 0 for an image.")
    held: bool = Field(
        default=False,
        description="Whether its frames last unequally long; frames and rate are then those of "
        "the steady clip that shows each for its time.",
    )


class EmbeddingRef(Ref):
    """The text encoder's output for one prompt: safetensors ``embeds`` and ``mask``."""


class LatentRef(Ref):
    """Normalised latents and the state of the noise generator after them: safetensors."""

    shape: tuple[int, int, int, int, int] = Field(
        description="(batch, channels, latent frames, latent height, latent width)."
    )
