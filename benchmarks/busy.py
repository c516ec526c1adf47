"""How much of the time engines were at work, by what they say of each job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple


class Span(NamedTuple):
    """A piece of time, in seconds of the clock; mostly one job of an engine."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ended - self.began


def spans(lines: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Return the jobs that an engine told of in its log, in the order they were begun."""
    found = []
    for line in lines:
        if line.get("outcome") == "done" and "seconds" in line:
            ended = datetime.fromisoformat(line["time"]).timestamp()
            found.append(Span(ended - line["seconds"], ended))
    return sorted(found)


def first_to_last(engines: Iterable[Sequence[Span]]) -> Span:
    """Return the time from the begin of the first job of any engine to the end of the last.

    Raises:
        ValueError: There were no jobs.
    """
    jobs = [job for engine in engines for job in engine]
    return Span(min(job.began for job in jobs), max(job.ended for job in jobs))


def busy_share(engines: Sequence[Sequence[Span]]) -> float:
    """Return the share of the time between the first job and the last that engines worked.

    Of several engines it is the mean; one that had nothing to do was idle all the time.
    """
    worked = sum(job.seconds for engine in engines for job in engine)
    return worked / (len(engines) * first_to_last(engines).seconds)


def waits(jobs: Sequence[Span]) -> list[float]:
    """Return the seconds between each job of an engine and its next."""
    return [max(0.0, later.began - earlier.ended) for earlier, later in pairwise(jobs)]
