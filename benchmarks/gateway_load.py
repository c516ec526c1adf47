"""What the gateway adds to Prefect, and how many clients it bears.

``python -m benchmarks.gateway_load``: a Prefect server with its defaults on SQLite, the gateway as
``ltx gateway`` starts it, with keys, and a process of clients, together on one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_findings import Findings, Level
from benchmarks.gateway_house import Furniture, GatewayHouse, furnished, opened, prefect_server
from benchmarks.gateway_queue import Line, begin, look_at
from benchmarks.gateway_upload import upload
from benchmarks.machine import command, machine
from benchmarks.pollers import Side, mixed, polling, submitted, submitting
from benchmarks.sides import gateway_side, prefect_side
from benchmarks.table import RESULTS, Report

_SENDERS = 2
_LINES = 10
_RUNNING = 10
"""One of so many requests that are polled runs, the others wait."""


@dataclass(frozen=True)
class Bench:
    """What is measured, and for how long."""

    clients: Sequence[int] = (1, 50, 200)
    seconds: float = 5.0
    """Of each window: one of polls alone, and one with submits."""
    queued: int = 1000
    upload: int = 2**30
    warm_up: float = 2.0
    look: float = 6.0
    """Seconds by which the gateway has read a long queue again."""

    @property
    def most(self) -> int:
        """How many clients there are at most."""
        return max(self.clients)

    @property
    def running(self) -> int:
        """How many of the polled requests run."""
        return -(-self.most // _RUNNING)


async def measure(bench: Bench, furniture: Furniture) -> Findings:
    """Measure all of it, at the Prefect server in force."""
    async with opened(furniture) as house:
        gateway = gateway_side(house.gateway, furniture.key)
        prefect = prefect_side(furniture.prefect, furniture.deployment)
        began = time.perf_counter()
        ids = await submitted(gateway, bench.queued)
        took = time.perf_counter() - began
        _say(f"{len(ids)} submits in {took:.0f} s")
        line = Line(gateway, ids, pool=furniture.name, key=furniture.key, seconds=bench.look)
        queued, running = await look_at(line, begun=bench.running)
        await begin(running, lines=_LINES)
        _say("looked at the queue")
        waiting = [one for one in ids if one not in running]
        polled = _spread(running, waiting)[: bench.most]
        asked = [(gateway, number, 0.5) for number in bench.clients]
        asked += [(gateway, bench.most, 0.0)]
        asked += [(prefect, number, 0.5) for number in bench.clients]
        levels = [
            await _level(side, polled, bench, house, clients=number, javascript=part)
            for side, number, part in asked
        ]
        sent = await upload(house.gateway, furniture.key, house.gateway_process, size=bench.upload)
    return Findings(levels=levels, queued=queued, submits_a_second=len(ids) / took, uploaded=sent)


async def _level(
    side: Side,
    polled: Sequence[str],
    bench: Bench,
    house: GatewayHouse,
    *,
    clients: int,
    javascript: float,
) -> Level:
    _say(f"{side.name}, {clients} clients")
    async with polling(side, polled, mixed(clients, javascript=javascript)) as polls:
        await asyncio.sleep(bench.warm_up)
        before, mark = (len(polls.took), polls.refused), house.mark()
        await asyncio.sleep(bench.seconds)
        polled_alone, load = polls.since(*before), house.since(mark)
        submits = await submitting(side, senders=_SENDERS, seconds=bench.seconds)
    return Level(
        side=side.name,
        clients=clients,
        javascript=javascript,
        polls=polled_alone,
        submits=submits,
        load=load,
    )


def _spread(running: Sequence[str], waiting: Sequence[str]) -> list[str]:
    """Return the requests such that any number of them, from the first on, has its part running."""
    found: list[str] = []
    for number, one in enumerate(running):
        found += [one, *waiting[number * (_RUNNING - 1) : (number + 1) * (_RUNNING - 1)]]
    return found


def _say(done: str) -> None:
    print(done, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the tables and write them to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway_load", description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=Bench.clients, metavar="N")
    parser.add_argument("--seconds", type=float, default=Bench.seconds, help="of each window")
    parser.add_argument("--queued", type=int, default=Bench.queued, help="requests in the queue")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    bench = Bench(clients=asked.clients, seconds=asked.seconds, queued=asked.queued)
    about = machine()  # the load of the machine is that before all this
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder, prefect_server():
        found = asyncio.run(measure(bench, furnished(Path(folder))))
    report = Report(
        name="gateway_load",
        title="The gateway under load",
        command=command("benchmarks.gateway_load"),
        machine=about,
        tables=found.tables(),
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


if __name__ == "__main__":
    main()
