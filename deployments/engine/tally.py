"""What an engine has done since it began, for whoever watches it."""

from __future__ import annotations

import threading
import uuid
from typing import NamedTuple


class Done(NamedTuple):
    """Jobs of one stage that came to one end."""

    stage: str
    outcome: str
    jobs: int
    seconds: float


class Tally:
    """Counts jobs and the seconds of work on them."""

    def __init__(self) -> None:
        self.boot = uuid.uuid4().hex
        """Another one after each start: the counts begin anew."""
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], tuple[int, float]] = {}

    def add(self, stage: str, outcome: str, seconds: float) -> None:
        """Count a job."""
        with self._lock:
            jobs, before = self._counts.get((stage, outcome), (0, 0.0))
            self._counts[stage, outcome] = (jobs + 1, before + seconds)

    def done(self) -> list[Done]:
        """Return the counts so far."""
        with self._lock:
            counts = list(self._counts.items())
        return [Done(*key, jobs, round(seconds, 4)) for key, (jobs, seconds) in counts]
