"""The HTTP door of an engine.

``PUT /inputs/DIGEST`` brings bytes, ``POST /jobs`` asks for a stage of them, ``GET
/jobs/ID/events`` tells of its steps as server-sent events and, when the caller stops listening,
cancels it, ``GET /jobs/ID/result`` gives what it made. ``GET /`` describes the engine, ``/health``
and ``/ready`` are for supervisors.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
from anyio import to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deployments.engine.inputs import DIGEST, InputRefusedError, Inputs
from deployments.engine.jobs import OVER, Job, Jobs, QueueFullError
from deployments.engine.tally import Tally
from deployments.engine.work import JobRequest
from ltxv.engine import Engine, Frames

_BEAT_SECONDS = 1.0
_CHUNK = 8 * 2**20
_LARGEST_JOB = 2**20
_TRACE = {"traceparent", "tracestate"}

State = Callable[[], str]
"""Says whether the engine is ``loading``, ``ready``, ``draining`` or ``restarting``."""


class Door:
    """The endpoints.

    Args:
        engine: Who does the work.
        jobs: Where jobs wait.
        inputs: Where their bytes are.
        tally: What was done so far.
        state: What the process is about.
    """

    def __init__(
        self, engine: Engine, jobs: Jobs, inputs: Inputs, *, tally: Tally, state: State
    ) -> None:
        self._engine = engine
        self._jobs = jobs
        self._inputs = inputs
        self._tally = tally
        self._state = state

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/", self.describe),
                Route("/health", self.health),
                Route("/ready", self.ready),
                Route("/inputs/{digest}", self.has_input, methods=["HEAD"]),
                Route("/inputs/{digest}", self.put_input, methods=["PUT"]),
                Route("/jobs", self.add_job, methods=["POST"]),
                Route("/jobs/{id}/events", self.events),
                Route("/jobs/{id}/result", self.result),
            ]
        )

    async def describe(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        """Say what runs where, and how much there is to do."""
        described = await to_thread.run_sync(self._engine.describe)
        return JSONResponse(
            {**described, "state": self._state(), "jobs_waiting": self._jobs.waiting}
        )

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """Say that the process answers, and what it has done since it began."""
        return JSONResponse(
            {
                "state": self._state(),
                "jobs_waiting": self._jobs.waiting,
                "boot": self._tally.boot,
                "done": [done._asdict() for done in self._tally.done()],
            }
        )

    async def ready(self, request: Request) -> Response:  # noqa: ARG002
        """Say whether jobs are taken."""
        state = self._state()
        return JSONResponse({"state": state}, status_code=200 if state == "ready" else 503)

    async def has_input(self, request: Request) -> Response:
        """Say whether an input is here."""
        found = self._inputs.find(_digest(request))
        return Response(status_code=404 if found is None else 204)

    async def put_input(self, request: Request) -> Response:
        """Keep an input."""
        digest = _digest(request)
        if not DIGEST.fullmatch(digest):
            return _error(400, "the name is no SHA-256 digest")
        try:
            await self._inputs.take(digest, request.stream())
        except InputRefusedError as error:
            return _error(400, str(error))
        except OSError as error:
            return _error(507, f"the engine's scratch cannot keep it: {error.strerror}")
        return Response(status_code=204)

    async def add_job(self, request: Request) -> Response:
        """Let a job wait."""
        state = self._state()
        if state != "ready":
            return _error(503, f"the engine is {state}", retry_after=2)
        body = await request.body()
        if len(body) > _LARGEST_JOB:
            return _error(413, f"a job has at most {_LARGEST_JOB} bytes")
        try:
            asked = JobRequest.model_validate_json(body).job
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"detail": wrong}, status_code=422)
        files = {digest: self._inputs.find(digest) for digest in asked.digests}
        missing = sorted(digest for digest, file in files.items() if file is None)
        if missing:
            return JSONResponse({"missing": missing}, status_code=409)
        there = {digest: file for digest, file in files.items() if file is not None}
        job = Job(
            stage=asked.stage,
            run=asked.call(self._engine, there),
            priority=asked.priority,
            inputs=asked.digests,
            flow_run=asked.flow_run,
            carried={name: value for name, value in request.headers.items() if name in _TRACE},
        )
        try:
            before = self._jobs.add(job)
        except QueueFullError as error:
            return _error(429, str(error), retry_after=2)
        await to_thread.run_sync(self._inputs.tidy, self._jobs.inputs)
        return JSONResponse({"id": job.id, "before": before}, status_code=201)

    async def events(self, request: Request) -> Response:
        """Tell of a job until it is over; a caller who stops listening cancels it."""
        job = self._jobs.find(request.path_params["id"])
        if job is None:
            return _error(404, "there is no such job")
        return StreamingResponse(_told(job, self._jobs), media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        """Give what a job made, once; frames from the first on, while the others come."""
        job = self._jobs.find(request.path_params["id"])
        frames = None if job is None else job.frames.take()
        if job is not None and frames is not None:
            headers = {"x-shape": ",".join(str(side) for side in job.frames.shape or ())}
            body = self._sent(job, frames)
        elif job is not None and job.outcome is not None:
            headers = {"content-length": str(len(job.outcome))}
            body = _chunks(memoryview(job.outcome))
            self._jobs.drop(job)
        else:
            return _error(404, "there is no result")
        return StreamingResponse(body, media_type="application/octet-stream", headers=headers)

    def _sent(self, job: Job, frames: Iterator[Frames]) -> Iterator[bytes]:
        for some in frames:
            yield from _chunks(np.ascontiguousarray(some).data.cast("B"))
        self._jobs.drop(job)


async def _told(job: Job, jobs: Jobs) -> AsyncIterator[str]:
    number = 0
    try:
        while True:
            events = await to_thread.run_sync(
                lambda told: job.heard(told, within=_BEAT_SECONDS), number, abandon_on_cancel=True
            )
            if not events:
                yield ": waiting\n\n"
            for event in events:
                yield f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n"
            number += len(events)
            if job.state in OVER and number == len(job.events):
                if job.state != "done":  # nothing is left to be fetched
                    jobs.drop(job)
                return
    finally:
        if job.state not in OVER:
            job.stop()


def _chunks(flat: memoryview) -> Iterator[bytes]:
    for start in range(0, len(flat), _CHUNK):
        yield bytes(flat[start : start + _CHUNK])


def _digest(request: Request) -> str:
    digest: str = request.path_params["digest"]
    return digest


def _error(status: int, message: str, *, retry_after: int | None = None) -> Response:
    headers = None if retry_after is None else {"retry-after": str(retry_after)}
    content: dict[str, Any] = {"message": message}
    return JSONResponse(content, status_code=status, headers=headers)
