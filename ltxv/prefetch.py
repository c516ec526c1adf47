"""A checkpoint's files of the Hub, brought to this machine before anyone waits for them."""

from __future__ import annotations

from collections.abc import Iterator

from ltxv.checkpoints import FOLDERS, Checkpoint, Source
from ltxv.errors import Misconfigured, Transient

_SUFFIXES = ("safetensors", "json", "model")


def prefetch(checkpoint: Checkpoint) -> Iterator[str]:
    """Download what loading the checkpoint reads, and yield a folder for each source.

    What is there already is not downloaded again, and half of a file goes on where it ended.

    Raises:
        Transient: The Hub cannot be reached.
        Misconfigured: It has no such repository or revision, or the disk is full.
    """
    parts: tuple[str, ...] = FOLDERS
    if checkpoint.transformer_file is not None:
        parts = tuple(part for part in FOLDERS if part != "transformer")
    own = [f"{part}/*.{suffix}" for part in parts for suffix in _SUFFIXES]
    if checkpoint.transformer_file is not None:
        own.append("transformer/config.json")
    yield _fetched(checkpoint.components, ["model_index.json", *own])
    if checkpoint.upsampler != checkpoint.components:
        patterns = [f"latent_upsampler/*.{suffix}" for suffix in _SUFFIXES]
        yield _fetched(checkpoint.upsampler, ["model_index.json", *patterns])


def _fetched(source: Source, patterns: list[str]) -> str:
    if source.folder is not None:
        return str(source.folder)
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - half a second
    from huggingface_hub.errors import (  # noqa: PLC0415
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return str(
            snapshot_download(source.location, revision=source.revision, allow_patterns=patterns)
        )
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise Misconfigured(
            f"the Hub has no {source.location} at {source.revision}, or it is gated; check both, "
            "and the token in HF_TOKEN"
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise Misconfigured(
                f"{source.location} cannot be kept: {error.strerror}; free some space, or set "
                "HF_HOME to a larger disk"
            ) from error
        raise _away(source, error) from error
    except Exception as error:  # of several HTTP libraries
        raise _away(source, error) from error


def _away(source: Source, error: Exception) -> Transient:
    return Transient(
        f"{source.location} cannot be had from the Hub ({type(error).__name__}); check the "
        "network, and run it again: it goes on where it ended"
    )
