"""What drafts would do and cost, before they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.saved import saved
from deployments.gateway.drafts.asked import drafts_body, drafts_request
from deployments.gateway.endpoint_ids import Endpoint
from deployments.gateway.house import House
from deployments.gateway.intake import body_of
from deployments.gateway.openapi import ERRORS
from deployments.gateway.planning import AT_A_TIME, planned
from deployments.gateway.queue_routes import Asks
from ltxv.plan import Plan
from ltxv.request import VideoRequest

_PREVIEW_SHARE = 0.25
"""Of the work of a decode: a draft has half the width and half the height."""


class DraftsPlan(BaseModel):
    """What drafts would do and cost."""

    plan: Plan = Field(description="Of a whole video, with the seed of the first draft.")
    drafts: int
    drafts_gpu_seconds: float = Field(
        description="For all drafts and a look at each, on one H200 in bf16."
    )
    refine_gpu_seconds: float = Field(description="More, for each draft that is chosen.")


def add_drafts_plan(router: APIRouter, endpoint: Endpoint) -> None:
    """Add the plan of an endpoint's drafts.

    Args:
        router: Where it is added.
        endpoint: Whose it is.
    """
    router.add_api_route(
        f"/plan/{endpoint.id}/drafts",
        _plan_at(endpoint),
        methods=["POST"],
        summary="Plan a request for drafts without running it",
        description="As for a video, with the GPU time of the drafts and of each refinement.",
        responses={200: {"model": DraftsPlan}, **ERRORS},
        openapi_extra=drafts_body(endpoint),
    )


def _plan_at(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
    async def plan_drafts(request: Request, asks: Asks) -> Response:
        house: House = request.app.state.house
        body = await body_of(request)
        asked, number = await drafts_request(body, endpoint, house=house, asks=asks)
        made = await to_thread.run_sync(
            _planned, asked, number, endpoint, house.store, limiter=AT_A_TIME
        )
        return JSONResponse(made.model_dump(mode="json"))

    return plan_drafts


def _planned(asked: VideoRequest, number: int, endpoint: Endpoint, store: MediaStore) -> DraftsPlan:
    model = saved(LTXModel, endpoint.model)
    plan = planned(asked, model, store)
    takes = plan.stage_seconds(model.shape)
    each = takes.first_pass + _PREVIEW_SHARE * takes.decode
    return DraftsPlan(
        plan=plan,
        drafts=number,
        drafts_gpu_seconds=round(takes.encode_prompt + number * each, 3),
        refine_gpu_seconds=round(takes.second_pass + takes.decode, 3),
    )
