"""Runs a second that a Prefect server takes, with 1, 10 and 100 of them queued.

On SQLite, as ``prefect server start`` has it, and on Postgres. Runs of ``generate_video`` are
submitted to a pool and then brought through their states as a worker and a flow would, ten calls
at a time, but no process is started: what is measured is the server and this client.
``python -m benchmarks.server_capacity`` runs it, in some two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Pending, Running

from benchmarks.fleet import Pool, serving
from benchmarks.house import furnished
from benchmarks.machine import command, machine
from benchmarks.repeat import interleaved, spread
from benchmarks.table import RESULTS, Report, Table
from tests.postgres import serving_postgres
from tests.programs import installed

SQLITE, POSTGRES = "SQLite", "Postgres"
AT_ONCE = 10

_NOTES = (
    "Medians, least and most in brackets.",
    f"Submitted: `create_flow_run_from_deployment`, {AT_ONCE} calls at a time.",
    (
        "Carried out: the pool's queue is asked, and each run becomes Pending, Running and "
        "Completed; no work is done in between. A real run also writes its stages, logs and "
        "artifacts."
    ),
    "One server process, its background services in it; Postgres with its own settings.",
    "Client, server and database share the cores.",
)


@dataclass(frozen=True)
class Bench:
    """What is measured, and how often."""

    queued: Sequence[int] = (1, 10, 100)
    repeats: int = 3


class Taken(NamedTuple):
    """Seconds for all runs."""

    submitted: float
    carried_out: float


class Target(NamedTuple):
    """A server that is up, with a pool of its own."""

    database: str
    api: str
    pool: Pool


class Case(NamedTuple):
    """A server with so many runs queued."""

    database: str
    queued: int

    @property
    def name(self) -> str:
        """How it is called."""
        return f"{self.database}, {self.queued} queued"


@dataclass(frozen=True)
class Findings:
    """Every round of each case."""

    rounds: Mapping[Case, Sequence[Taken]]

    def table(self) -> Table:
        """Return runs a second."""
        columns = ("database", "runs queued", "submitted a second", "carried out a second")
        return Table("Runs a second", columns, [*map(self._row, self.rounds)], _NOTES)

    def samples(self) -> dict[str, Any]:
        """Return every single measurement, in seconds for all runs."""
        return {
            case.name: [one._asdict() for one in rounds] for case, rounds in self.rounds.items()
        }

    def _row(self, case: Case) -> tuple[str, ...]:
        rates = [[case.queued / seconds for seconds in taken] for taken in self.rounds[case]]
        submitted, carried_out = zip(*rates, strict=True)
        return case.database, str(case.queued), spread(submitted), spread(carried_out)


def measure(bench: Bench, targets: Sequence[Target]) -> Findings:
    """Give runs to every server in rounds, after a few that are not counted."""
    for target in targets:
        _take(target, min(bench.queued))
    arms = {
        Case(target.database, queued).name: lambda target=target, queued=queued: _take(
            target, queued
        )
        for target in targets
        for queued in bench.queued
    }
    found = interleaved(arms, bench.repeats, tell=True)
    cases = [Case(target.database, queued) for target in targets for queued in bench.queued]
    return Findings({case: found[case.name] for case in cases})


@contextmanager
def open_targets() -> Iterator[list[Target]]:
    """Start a server on each database that is installed here, all at the same time."""
    with ExitStack() as stack:
        targets = [_target(SQLITE, None, stack)]
        if installed("postgres") and installed("initdb"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ltx-bench-")))
            (folder / "pg").mkdir()
            address = stack.enter_context(serving_postgres(folder / "pg", fsync=True)).address
            targets.append(_target(POSTGRES, address, stack))
        else:
            print(
                "Postgres is not installed and left out; `make servers` installs it",
                file=sys.stderr,
            )
        yield targets


def main() -> None:
    """Measure, print the table and write it to ``benchmarks/results``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.server_capacity", description=__doc__
    )
    parser.add_argument("--queued", type=int, nargs="+", default=Bench.queued, metavar="N")
    parser.add_argument("--repeats", type=int, default=Bench.repeats)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    where = machine()
    with open_targets() as targets:
        found = measure(Bench(queued=asked.queued, repeats=asked.repeats), targets)
    report = Report(
        name="server_capacity",
        title="Runs a second that a Prefect server takes",
        command=command("benchmarks.server_capacity"),
        machine=where,
        tables=[found.table()],
        samples=found.samples(),
    )
    report.write(asked.results)
    print(report.markdown())


def _target(database: str, address: str | None, stack: ExitStack) -> Target:
    folder = stack.enter_context(serving(address))
    pool = Pool(furnished(folder, threads=1))
    return Target(database, str(PREFECT_API_URL.value()), pool)


def _take(target: Target, queued: int) -> Taken:
    asked = [
        target.pool.parameters({"prompt": f"a cat looks up, take {number}", "seed": number})
        for number in range(queued)
    ]
    with temporary_settings({PREFECT_API_URL: target.api}):
        return asyncio.run(_taken(target.pool, asked))


async def _taken(pool: Pool, asked: Sequence[Mapping[str, Any]]) -> Taken:
    async with get_client() as client:

        async def submit(parameters: Mapping[str, Any]) -> None:
            await client.create_flow_run_from_deployment(
                pool.deployment, parameters=dict(parameters)
            )

        began = time.perf_counter()
        await _each(submit, asked)
        submitted = time.perf_counter()
        await _carry_out(pool.name, len(asked), client)
        return Taken(submitted - began, time.perf_counter() - submitted)


async def _carry_out(pool: str, count: int, client: PrefectClient) -> None:
    """Take runs off a queue, and bring them to their end, until there were ``count``."""

    async def carry_out(run: UUID) -> None:
        for state in (Pending(), Running(), Completed()):
            await client.set_flow_run_state(run, state)

    while count > 0:
        waiting = await client.get_scheduled_flow_runs_for_work_pool(pool)
        await _each(carry_out, [found.flow_run.id for found in waiting])
        count -= len(waiting)


async def _each(call: Callable[[Any], Awaitable[None]], of: Sequence[Any]) -> None:
    """Make all calls, so many at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(given: Any) -> None:
        async with slots:
            await call(given)

    await asyncio.gather(*map(one, of))


if __name__ == "__main__":
    main()
