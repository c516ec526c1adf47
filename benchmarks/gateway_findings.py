"""What was found of the gateway under load, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.gateway_house import Load
from benchmarks.gateway_queue import Queued
from benchmarks.gateway_upload import Uploaded
from benchmarks.pollers import Answered
from benchmarks.table import Table, verdict

STATUS_SECONDS = 0.25
GROWTH = 1.1
"""How many times as much the server may be asked with the most clients, against fewer."""
MEMORY_MIB = 100
_MIB = 2**20
_FINE_SECONDS = 0.01
_COLUMNS = (
    "asked",
    "clients",
    "polls a second",
    "status p50, ms",
    "status p99, ms",
    "submit p50, ms",
    "submit p99, ms",
    "answers 503",
    "requests a second to Prefect",
    "CPU of Prefect",
    "CPU of the gateway",
)


@dataclass(frozen=True)
class Level:
    """Some clients, polling and submitting for a while."""

    side: str
    clients: int
    javascript: float
    """Part of the clients that polls as the JavaScript client does."""
    polls: Answered
    """While nothing was submitted."""
    submits: Answered
    """While all others polled."""
    load: Load
    """While nothing was submitted."""

    @property
    def refused(self) -> int:
        """How many polls and submits were answered with 503."""
        return self.polls.refused + self.submits.refused

    def row(self) -> tuple[str, ...]:
        """Return its line of the table."""
        mixed = "" if self.javascript else ", all as in Python"
        return (
            self.side,
            f"{self.clients}{mixed}",
            f"{len(self.polls.took) / self.load.seconds:.0f}",
            _ms(percentile(self.polls.took, 50)),
            _ms(percentile(self.polls.took, 99)),
            _ms(percentile(self.submits.took, 50)),
            _ms(percentile(self.submits.took, 99)),
            f"{self.refused}",
            f"{self.load.requests:.1f}" if self.side == "gateway" else "",
            f"{self.load.prefect_cpu:.0%}",
            f"{self.load.gateway_cpu:.0%}" if self.side == "gateway" else "",
        )


@dataclass(frozen=True)
class Findings:
    """Everything measured by ``benchmarks.gateway_load``."""

    levels: Sequence[Level]
    queued: Queued
    submits_a_second: float
    """While the queue was filled over twenty connections."""
    uploaded: Uploaded

    def tables(self) -> list[Table]:
        """Return the goals and the levels."""
        return [
            Table("Goals", ("what", "measured", "goal", ""), self._goals()),
            Table("Clients", _COLUMNS, [level.row() for level in self.levels], self._notes()),
        ]

    def samples(self) -> dict[str, Any]:
        """Return every single measurement, in milliseconds where it is a time."""
        return {
            "levels": [
                {
                    "side": level.side,
                    "clients": level.clients,
                    "javascript": level.javascript,
                    "load": asdict(level.load),
                    "refused": level.refused,
                    "polls": [round(one * 1000, 1) for one in level.polls.took],
                    "submits": [round(one * 1000, 1) for one in level.submits.took],
                }
                for level in self.levels
            ],
            "queued": asdict(self.queued),
            "submits_a_second": round(self.submits_a_second, 1),
            "uploaded": asdict(self.uploaded),
        }

    def _goals(self) -> list[tuple[str, ...]]:
        mixed = [one for one in self.levels if one.side == "gateway" and one.javascript]
        most = max(mixed, key=lambda one: one.clients)
        slowest = percentile(most.polls.took, 99)
        fewer = [one.load.requests for one in mixed if one.clients < most.clients]
        grows = most.load.requests / max(fewer) if fewer else math.nan
        queued, sent = self.queued, self.uploaded
        refused = sum(one.refused for one in self.levels if one.side == "gateway")
        memory = (sent.most - sent.before) / _MIB
        return [
            (
                f"status p99 of {most.clients} clients, ms",
                _ms(slowest),
                f"at most {STATUS_SECONDS * 1000:.0f}",
                verdict(slowest, STATUS_SECONDS),
            ),
            (
                f"requests to Prefect with {most.clients} clients, of those with fewer",
                f"{grows:.2f}",
                f"at most {GROWTH}",
                verdict(grows, GROWTH) if fewer else "",
            ),
            ("polls and submits that it answered with 503", f"{refused}", "0", verdict(refused, 0)),
            _all(f"of {queued.sent} requests in the queue, kept", queued.at_prefect, queued.sent),
            _all("those with a place of their own", queued.places, queued.sent),
            _all("at the place where Prefect hands them out", queued.as_handed_out, queued.first),
            _all("moved up as requests were begun", queued.moved_up, queued.waiting),
            (
                f"memory that an upload of {sent.size / _MIB:.0f} MiB takes, MiB",
                f"{memory:.0f}",
                f"at most {MEMORY_MIB}",
                verdict(memory, MEMORY_MIB),
            ),
        ]

    def _notes(self) -> tuple[str, ...]:
        return (
            (
                "Every other client polls as the JavaScript one does (500 ms after each answer), "
                "the others as the Python one (100 ms), each its own request with its log lines. "
                "One of ten requests runs, the others wait in a queue of all."
            ),
            "Prefect server: `GET /api/flow_runs/ID` and `POST …/create_flow_run` in the place.",
            "Submits: two connections, 100 ms after each answer, while all clients go on polling.",
            "503: another request was writing to SQLite. Prefect's clients try again after 2 s.",
            "CPU: of one core. Clients, gateway and server share the machine's cores.",
            (
                f"The queue was filled over 20 connections, {self.submits_a_second:.0f} submits a "
                f"second; the upload took {self.uploaded.seconds:.1f} s."
            ),
        )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent do not exceed; NaN if there is none."""
    if not values:
        return math.nan
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.{1 if seconds < _FINE_SECONDS else 0}f}"


def _all(what: str, found: int, of: int) -> tuple[str, ...]:
    return what, str(found), str(of), "met" if found == of else "missed"
