"""A submit that is sent again makes no second video.

Both clients send a submit again when its connection drops, with nothing that says so. Somebody who
wants two videos sends the same request twice. What tells them apart is whether the first answer
arrived: the request was asked about afterwards, or its connection went on living. The Prefect
server keeps the rest: the idempotency key is made of the request and a number that goes up with
each answer that arrived, and a label of the run says that it did. So it does not matter which of
several gateways a request is sent to again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun
from starlette.requests import Request

from deployments.gateway.board import AWAY
from deployments.gateway.connections import Connection
from deployments.gateway.failures import Failure
from deployments.gateway.runs import Run

ATTEMPT = "gateway.attempt"
ARRIVED = "gateway.arrived"
BODY = "gateway.body"
RETURNED = "gateway.returned"
"""Label of a run that was asked for again where its first answer was not lost: at a gateway that
was started since, or at another one. Each time it has another value."""

_SOON_SECONDS = 2.0
"""Who lost the answer is gone by then."""
_LOST_SECONDS = 60.0
"""How long after a connection dropped its request may be sent again: fal-client 1.0.3 takes 46."""
_ERA_SECONDS = 600
_NUMBERS = 8
_REMEMBERED_SECONDS = 2 * _ERA_SECONDS

_SENDS_AGAIN = ("fal", "mozilla", "node", "undici")
"""In the names of clients that send a submit again by themselves, in a browser as well."""

Create = Callable[[str, Mapping[str, str]], Awaitable[FlowRun]]
"""Creates a run with an idempotency key and labels."""


@dataclass
class Submission:
    """A request that was submitted, and the connections that brought it."""

    run: asyncio.Future[FlowRun]
    connections: list[Connection]
    at: float = field(default_factory=time.monotonic)
    arrived: bool = False

    @property
    def is_lost(self) -> bool:
        """Whether nobody can have its answer, and it may be sent again."""
        if self.arrived or (self.run.done() and self.run.exception() is not None):
            return False
        ended = [connection.closed_at for connection in self.connections]
        now = time.monotonic()
        return all(end is not None and now - end < _LOST_SECONDS for end in ended)


@dataclass
class _Same:
    """Submissions of one request, and how many there were."""

    submissions: list[Submission] = field(default_factory=list)
    count: int = 0
    at: float = field(default_factory=time.monotonic)

    def next(self) -> int:
        """Return a number that no other submission has."""
        self.count += 1
        return self.count - 1


class Once:
    """What was submitted lately, and whether its answer arrived."""

    def __init__(self, prefect: PrefectClient) -> None:
        self._prefect = prefect
        self._since = time.monotonic()
        self._known: dict[str, _Same] = {}
        self._by_run: dict[UUID, Submission] = {}
        self._noted: set[UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # A server on SQLite answers 503 to writes that come together: of 20 senders' 150 submits,
        # two at a time took twice as long as one after the other.
        self._writing = asyncio.Lock()

    async def run(self, print_: str, connection: Connection, create: Create) -> FlowRun:
        """Return the run of a request: a new one, unless this is the same that is sent again.

        Args:
            print_: Fingerprint of the request.
            connection: What brought it.
            create: Creates its run.
        """
        self._forget()
        same = self._known.setdefault(print_, _Same())
        for earlier in same.submissions:
            self._see_next(earlier, connection)
            if earlier.is_lost:
                earlier.connections = [connection]
                return await asyncio.shield(earlier.run)
        mine = Submission(asyncio.get_running_loop().create_future(), [connection])
        same.submissions.append(mine)
        same.at = mine.at
        try:
            made = await self._made(print_, same, create)
        except BaseException as error:
            same.submissions.remove(mine)
            mine.run.set_exception(error if isinstance(error, Exception) else RuntimeError())
            mine.run.exception()  # whoever waits for it is told; that nobody does is no fault
            raise
        mine.run.set_result(made)
        self._by_run[made.id] = mine
        return made

    async def run_with_key(self, key: str, print_: str, create: Create) -> FlowRun:
        """Return the run of a request that its sender gave a key of its own.

        Raises:
            Failure: The key was used for another request.
        """
        named = f"gateway:key:{hashlib.sha256(key.encode()).hexdigest()}"
        # What is there already is not created again: that would count against the sender's limits.
        there = await self._with_keys([named])
        made = there[0] if there else await self._create(create, named, {BODY: print_})
        if made.labels.get(BODY) != print_:
            raise Failure(
                409,
                "this idempotency key was used for another request; send the same, or a new key",
                error_type="bad_request",
            )
        return made

    def asked(self, run: Run) -> None:
        """Note that someone knows the id of a run."""
        submission = self._by_run.get(run.id)
        if submission is not None:
            self._arrive(submission)
        elif ATTEMPT in run.labels and not run.labels.get(ARRIVED):
            self._note(run.id)  # a gateway before this one gave the answer out

    async def sent(self, run: UUID, request: Request, connection: Connection) -> None:
        """Find out, while the connection goes on, whether the answer that was sent arrived."""
        self._later(self._settle(run, request, connection))

    async def _settle(self, run: UUID, request: Request, connection: Connection) -> None:
        submission = self._by_run.get(run)
        if submission is None or submission.arrived or connection.is_closed:
            return
        if not _sends_again(request):
            self._arrive(submission)
            return
        number = connection.requests
        stayed = await connection.stays_open(_SOON_SECONDS)
        if connection.requests > number or (stayed and connection.everything_arrived):
            self._arrive(submission)

    async def _made(self, print_: str, same: _Same, create: Create) -> FlowRun:
        now, token = time.time(), uuid.uuid4().hex
        era = int(now // _ERA_SECONDS)
        is_new = time.monotonic() - self._since < _REMEMBERED_SECONDS
        if same.count == 0 and (is_new or now % _ERA_SECONDS < _LOST_SECONDS):
            before = await self._before(print_, era)
            if before is not None:
                return await self._returned(before, token)
        while True:
            key = _key(print_, era, same.next())
            made = await self._create(create, key, {ATTEMPT: token})
            if made.labels.get(ATTEMPT) == token:
                return made
            if not made.labels.get(ARRIVED):
                return await self._returned(made, token)

    async def _create(self, create: Create, key: str, labels: Mapping[str, str]) -> FlowRun:
        async with self._writing:
            return await create(key, labels)

    async def _before(self, print_: str, era: int) -> FlowRun | None:
        """Return the run whose answer another gateway did not get out, now or an era ago."""
        keys = [_key(print_, one, number) for one in (era, era - 1) for number in range(_NUMBERS)]
        lost = [run for run in await self._with_keys(keys) if not run.labels.get(ARRIVED)]
        return lost[0] if lost else None

    async def _with_keys(self, keys: list[str]) -> Sequence[FlowRun]:
        found: Sequence[FlowRun] = await self._prefect.read_flow_runs(
            flow_run_filter=FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys))
        )
        return found

    def _see_next(self, earlier: Submission, connection: Connection) -> None:
        """Take a next request over the same connection as a sign that the answer was read."""
        if connection in earlier.connections and earlier.run.done():
            self._arrive(earlier)

    def _arrive(self, submission: Submission) -> None:
        if not submission.arrived and submission.run.done():
            submission.arrived = True
            self._note(submission.run.result().id)

    def _note(self, run: UUID) -> None:
        """Have the server keep that the answer about a run arrived."""
        if run in self._noted:
            return
        self._noted.add(run)
        self._later(self._label(run, {ARRIVED: True}))

    async def _returned(self, run: FlowRun, token: str) -> FlowRun:
        """Have the server keep that a run is this gateway's to answer for from now on."""
        await self._label(run.id, {RETURNED: token})
        run.labels = {**run.labels, RETURNED: token}
        return run

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _label(self, run: UUID, labels: Mapping[str, str | bool]) -> None:
        with suppress(*AWAY):
            async with self._writing:
                await self._prefect.update_flow_run_labels(run, dict(labels))

    def _forget(self) -> None:
        oldest = time.monotonic() - _REMEMBERED_SECONDS
        gone = [print_ for print_, same in self._known.items() if same.at < oldest]
        for print_ in gone:
            for one in self._known.pop(print_).submissions:
                if one.run.done():
                    self._by_run.pop(one.run.result().id, None)
                    self._noted.discard(one.run.result().id)


def fingerprint(*parts: str | bytes) -> str:
    """Return the digest of what makes a request the same."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(content)}:".encode() + content)
    return digest.hexdigest()


def _key(print_: str, era: int, number: int) -> str:
    return f"gateway:{print_}:{era}:{number}"


def _sends_again(request: Request) -> bool:
    """Say whether a client would send its request again, and its connection tells of it."""
    if request.scope.get("http_version") == "1.0":
        return False
    if "close" in request.headers.get("connection", "").lower():
        return False
    agent = request.headers.get("user-agent", "").lower()
    return any(name in agent for name in _SENDS_AGAIN)
