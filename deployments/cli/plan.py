"""``ltx plan``: what a request will do, without doing it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated

import typer

from blocks.internet import FetchLimits, fetch
from blocks.local_media import local_file, local_lora
from blocks.lora_source import bring_lora
from blocks.media_store import MediaStore
from deployments.cli.named_model import named_model
from deployments.cli.options import NeededRequestFile
from deployments.cli.request_file import read_request
from deployments.cli.typed_request import folder_of
from ltxv.file_digest import file_digest
from ltxv.lora_file import read_lora_keys
from ltxv.media.probe import Probe, probe
from ltxv.plan import resolve
from ltxv.request import LoRASource, MediaSource, parse_request
from ltxv.scratch import scratch
from ltxv.unsupported import refuse_unsupported

_SEED_BITS = 32


def plan(
    request_file: NeededRequestFile,
    model: Annotated[
        str, typer.Option(help="auto, a named checkpoint such as tiny, or a saved model block.")
    ] = "auto",
) -> None:
    """Print everything that would decide the video, as JSON, without loading weights.

    Sizes, the sigmas and tokens of both passes, conditioning items, and an estimate of the cost.
    Media are fetched to learn their sizes; relative paths start from the request's folder.
    """
    request = parse_request(read_request(request_file))
    refuse_unsupported(request)
    ltx = named_model(model)
    media = [_probed(source, beside=folder_of(request_file)) for source in request.media]
    seed = random.SystemRandom().getrandbits(_SEED_BITS)
    resolved = resolve(
        request,
        media,
        model=ltx.identity,
        seed=seed,
        shape=ltx.shape,
        loras=[_lora_digest(lora, beside=folder_of(request_file)) for lora in request.lora_sources],
    )
    typer.echo(resolved.model_dump_json(indent=2))


def _lora_digest(lora: LoRASource, *, beside: Path) -> str:
    """Return the digest of a LoRA's file, fetched where it is not one of this machine."""
    path = local_lora(lora, beside=beside)
    with scratch() as folder:
        if path is None:
            path = folder / "lora"
            bring_lora(lora.path, lora.weight_name, path, loc=lora.loc, store=MediaStore())
        read_lora_keys(path, loc=lora.loc)
        return file_digest(path)


def _probed(source: MediaSource, *, beside: Path) -> Probe:
    path = local_file(source.url, beside=beside, loc=source.loc)
    if path is not None:
        return probe(path, loc=source.loc, expect=source.kind)
    with scratch() as folder:
        fetched = folder / "media"
        fetch(source.url, fetched, limits=FetchLimits(), loc=source.loc)
        return probe(fetched, loc=source.loc, expect=source.kind)
