"""What a worker knows of an engine over all of its lives."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Work = tuple[str, str]
"""A stage, and how its jobs ended."""


class EngineCounts(NamedTuple):
    """What an engine has done since its worker began."""

    jobs: Mapping[Work, int]
    seconds: Mapping[Work, float]


class EngineWatch:
    """Adds up what an engine says: it counts anew whenever it starts anew.

    What it did in the second before it was killed is not known.
    """

    def __init__(self) -> None:
        self.state = "down"
        self.jobs_waiting = 0
        self.own_restarts = 0
        """How often it took its own place, in the same process, after a fault."""
        self._lock = threading.Lock()
        self._boot = ""
        self._restarts = 0
        self._before: tuple[Counter[Work], Counter[Work]] = (Counter(), Counter())
        self._now: tuple[Counter[Work], Counter[Work]] = (Counter(), Counter())

    def gone(self, state: str) -> None:
        """Note that it does not answer."""
        self.state, self.jobs_waiting = state, 0

    def hear(self, health: Mapping[str, Any], *, restarts: int) -> None:
        """Take in what it says of itself.

        Args:
            health: What ``GET /health`` gave.
            restarts: How often its process was started again.
        """
        counted = _counted(health["done"])
        with self._lock:
            self.state, self.jobs_waiting = health["state"], health["jobs_waiting"]
            if health["boot"] != self._boot:
                if self._boot and restarts == self._restarts:
                    self.own_restarts += 1
                self._boot, self._restarts = health["boot"], restarts
                for before, now in zip(self._before, self._now, strict=True):
                    before.update(now)
            self._now = counted

    def counts(self) -> EngineCounts:
        """Return all that it has done."""
        with self._lock:
            jobs, seconds = (
                before + now for before, now in zip(self._before, self._now, strict=True)
            )
        return EngineCounts(jobs, seconds)


def _counted(done: Sequence[Mapping[str, Any]]) -> tuple[Counter[Work], Counter[Work]]:
    jobs: Counter[Work] = Counter()
    seconds: Counter[Any] = Counter()  # seconds are no whole numbers, and add up all the same
    for one in done:
        jobs[one["stage"], one["outcome"]] += one["jobs"]
        seconds[one["stage"], one["outcome"]] += one["seconds"]
    return jobs, seconds
