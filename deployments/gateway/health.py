"""Whether the gateway can do its work, for load balancers and for people."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from blocks.media_store.keys import NOTES
from deployments.gateway.board import AWAY
from deployments.gateway.house import House
from ltxv.errors import LTXError

_KNOWN_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """What works."""

    status: Literal["ok", "failing"]
    prefect: bool = Field(description="Whether the Prefect server answers.")
    store: bool = Field(description="Whether the store answers.")
    workers: int = Field(description="Workers online; without one requests wait.")


class Examiner:
    """Looks after what the gateway needs, at most every five seconds."""

    def __init__(self, house: House, prefect: PrefectClient) -> None:
        self._house = house
        self._prefect = prefect
        self._known: Health | None = None
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    async def examine(self) -> Health:
        """Say what works, as it was a few seconds ago at the earliest."""
        async with self._looking:
            if self._known is None or time.monotonic() - self._looked > _KNOWN_SECONDS:
                self._known = await self._look()
                self._looked = time.monotonic()
            return self._known

    async def _look(self) -> Health:
        workers, store = await asyncio.gather(self._workers(), self._store())
        fine = workers is not None and store
        return Health(
            status="ok" if fine else "failing",
            prefect=workers is not None,
            store=store,
            workers=workers or 0,
        )

    async def _workers(self) -> int | None:
        """Return how many workers are online; None if the server does not answer."""
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        pools = {one.pool for one in self._house.endpoints.values() if one.pool is not None}
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                found = [
                    await self._prefect.read_workers_for_work_pool(pool, worker_filter=online)
                    for pool in sorted(pools)
                ]
        except (*AWAY, TimeoutError):
            return None
        return sum(map(len, found))

    async def _store(self) -> bool:
        place = self._house.store.own_place(NOTES)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await to_thread.run_sync(place.find, "none.json", abandon_on_cancel=True)
        except (LTXError, TimeoutError):
            return False
        return True


@router.get(
    "/health",
    summary="Whether the gateway works",
    responses={200: {"model": Health}, 503: {"model": Health}},
)
async def health(request: Request) -> Response:
    """Say whether the Prefect server and the store answer, and how many workers are online."""
    examiner: Examiner = request.app.state.examiner
    found = await examiner.examine()
    content: dict[str, Any] = found.model_dump()
    return JSONResponse(content, status_code=200 if found.status == "ok" else 503)
