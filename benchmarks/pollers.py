"""Clients that poll as the real ones do, and others that submit meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from benchmarks.wire import Address, Answer, Wire

_SUBMIT_REST = 0.1


@dataclass(frozen=True)
class Client:
    """What a client of the hosted endpoint says, and how long it rests between two answers."""

    agent: str
    rest: float
    logs: str

    def headers(self, key: str) -> dict[str, str]:
        """Return what it sends with every request."""
        return {"authorization": f"Key {key}", "user-agent": self.agent}


JAVASCRIPT = Client("@fal-ai/client/1.10.1", 0.5, "logs=1")
PYTHON = Client("fal-client/1.0.3 (python)", 0.1, "logs=true")


@dataclass(frozen=True)
class Side:
    """A server that is polled: how it is asked about a request, and for a new one."""

    name: str
    address: Address
    status_of: Callable[[Client, str], bytes]
    new: Callable[[str], bytes]
    """Takes a prompt."""

    def submit(self) -> bytes:
        """Return a submit that is like no other."""
        return self.new(f"a cat looks up, take {uuid.uuid4().hex}")


@dataclass
class Answered:
    """How long the answers to some clients took, in seconds, and how many were 503."""

    took: list[float] = field(default_factory=list)
    refused: int = 0

    def note(self, answer: Answer, seconds: float) -> None:
        """Note an answer; ``RuntimeError`` if it is another error."""
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.refused += 1
        else:
            answer.check()
            self.took.append(seconds)

    def since(self, took: int, refused: int) -> Answered:
        """Return what came after so many answers."""
        return Answered(self.took[took:], self.refused - refused)


@asynccontextmanager
async def polling(
    side: Side, requests: Sequence[str], clients: Sequence[Client]
) -> AsyncIterator[Answered]:
    """Have clients poll while inside, each its own request."""
    found = Answered()
    wires = [await Wire.to(side.address) for _ in clients]
    tasks = [
        asyncio.create_task(
            _poll(wire, side.status_of(client, one), client.rest, after=number, found=found)
        )
        for number, (wire, client, one) in enumerate(
            zip(wires, clients, itertools.cycle(requests), strict=False)
        )
    ]
    try:
        yield found
    finally:
        ended = [task.exception() for task in tasks if task.done() and not task.cancelled()]
        for task in tasks:
            task.cancel()
        for wire in wires:
            wire.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        for error in filter(None, ended):
            raise error


async def submitting(side: Side, *, senders: int, seconds: float) -> Answered:
    """Submit for a while over some connections."""
    found = Answered()
    until = time.perf_counter() + seconds

    async def send() -> None:
        wire = await Wire.to(side.address)
        while time.perf_counter() < until:
            asked = side.submit()
            began = time.perf_counter()
            answer = await wire.ask(asked)
            found.note(answer, time.perf_counter() - began)
            await asyncio.sleep(_SUBMIT_REST)
        wire.close()

    await asyncio.gather(*(send() for _ in range(senders)))
    return found


async def submitted(side: Side, number: int, *, senders: int = 20) -> list[str]:
    """Submit a number of requests over some connections, and return their ids."""
    left, ids = iter(range(number)), []

    async def send() -> None:
        wire = await Wire.to(side.address)
        for _ in left:
            told = (await wire.ask(side.submit())).json()
            ids.append(str(told["request_id"]))
        wire.close()

    await asyncio.gather(*(send() for _ in range(senders)))
    return ids


async def statuses(side: Side, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Ask about every request once, over one connection."""
    wire = await Wire.to(side.address)
    found = {one: (await wire.ask(side.status_of(JAVASCRIPT, one))).json() for one in ids}
    wire.close()
    return found


async def _poll(wire: Wire, asks: bytes, rest: float, *, after: int, found: Answered) -> None:
    await asyncio.sleep(rest * (after * 0.618 % 1))  # nobody asks at the same moment
    while True:
        began = time.perf_counter()
        answer = await wire.ask(asks)
        found.note(answer, time.perf_counter() - began)
        await asyncio.sleep(rest)


def mixed(number: int, *, javascript: float = 0.5) -> list[Client]:
    """Return some clients.

    Args:
        number: How many.
        javascript: Part of them that polls as the JavaScript client does.
    """
    return [
        JAVASCRIPT if int((one + 1) * javascript) > int(one * javascript) else PYTHON
        for one in range(number)
    ]
