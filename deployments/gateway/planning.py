"""What a request would do and cost, before it is submitted."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from blocks.lora_source import bring_lora
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.saved import saved
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.house import House
from deployments.gateway.intake import body_of, video_request
from deployments.gateway.openapi import ERRORS, request_body
from deployments.gateway.queue_routes import Asks
from ltxv.file_digest import file_digest
from ltxv.lora_file import read_lora_keys
from ltxv.media.probe import Probe, probe
from ltxv.plan import Plan, resolve
from ltxv.request import LoRASource, MediaSource, VideoRequest
from ltxv.scratch import scratch

_SEED_BITS = 32
AT_A_TIME = CapacityLimiter(2)
"""Media are fetched and looked at for a plan; the machine is the gateway's."""


def add_plan(router: APIRouter, endpoint: Endpoint) -> None:
    """Add the plan of an endpoint.

    Args:
        router: Where it is added.
        endpoint: Whose it is.
    """
    router.add_api_route(
        f"/plan/{endpoint.id}",
        _plan_at(endpoint),
        methods=["POST"],
        summary="Plan a request without running it",
        description="Sizes, sigmas and tokens of both passes, conditioning items, and an estimate "
        "of work, GPU time and memory. Media are fetched to learn their sizes.",
        responses={200: {"model": Plan}, **ERRORS},
        openapi_extra=request_body(endpoint),
    )


def _plan_at(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
    async def plan(request: Request, asks: Asks) -> Response:
        house: House = request.app.state.house
        body = await body_of(request)
        asked = await video_request(body, endpoint, house=house, asks=asks)
        model = await to_thread.run_sync(saved, LTXModel, endpoint.model)
        made = await to_thread.run_sync(planned, asked, model, house.store, limiter=AT_A_TIME)
        return JSONResponse(made.model_dump(mode="json"))

    return plan


def planned(asked: VideoRequest, model: LTXModel, store: MediaStore) -> Plan:
    """Return the plan of a request; its media are fetched to learn their sizes.

    Args:
        asked: The request.
        model: What would run.
        store: Where media may be.

    Raises:
        Refused: A medium is not acceptable.
        Transient: A network or the store fails.
    """
    return resolve(
        asked,
        [_probed(source, store) for source in asked.media],
        model=model.identity,
        seed=random.SystemRandom().getrandbits(_SEED_BITS),
        shape=model.shape,
        loras=[_digest(lora, store) for lora in asked.lora_sources],
    )


def _probed(source: MediaSource, store: MediaStore) -> Probe:
    with scratch() as folder:
        file = folder / "media"
        store.fetch(source.url, file, loc=source.loc)
        return probe(file, loc=source.loc, expect=source.kind)


def _digest(lora: LoRASource, store: MediaStore) -> str:
    with scratch() as folder:
        file = folder / "lora"
        bring_lora(lora.path, lora.weight_name, file, loc=lora.loc, store=store)
        read_lora_keys(file, loc=lora.loc)
        return file_digest(file)
