"""From a request to its plan: what it names is fetched, what it leaves open is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flows.equipment import Equipment
from ltxv.plan import Plan, resolve
from ltxv.refs import MediaRef, Ref
from ltxv.request import VideoRequest
from tasks.fetch_lora import fetch_lora
from tasks.fetch_media import fetch_media


class Fetched(NamedTuple):
    """What a request names, in its order."""

    media: Sequence[MediaRef]
    loras: Sequence[Ref]


def fetched(request: VideoRequest, *, use: Equipment) -> Fetched:
    """Bring media and LoRAs into the store.

    Raises:
        Refused: One is not acceptable.
        Transient: A network, server or store still failed at the last try.
    """
    return Fetched(
        media=fetch_media.each(
            [{**source._asdict(), "store": use.store} for source in request.media]
        ),
        loras=fetch_lora.each(
            [{**source.where(), "store": use.store} for source in request.lora_sources]
        ),
    )


def planned(request: VideoRequest, found: Fetched, *, seed: int, use: Equipment) -> Plan:
    """Decide what is left open.

    Args:
        request: What to generate.
        found: What it names.
        seed: Used if the request names none.
        use: The blocks of the run.

    Raises:
        Refused: A clip is too short for its place.
        Misconfigured: There is no such checkpoint.
    """
    return resolve(
        request,
        found.media,
        model=use.model.identity,
        seed=seed,
        shape=use.model.shape,
        loras=[lora.sha256 for lora in found.loras],
    )
