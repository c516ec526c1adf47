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
    """Return the share of the time that engines worked, each between its own first job and last.

    An engine that is done while another has a clip to go is not counted as idle; one that was given
    nothing at all is.
    """
    whole = first_to_last(engines)
    there = [first_to_last([jobs]) if jobs else whole for jobs in engines]
    worked = sum(job.seconds for jobs in engines for job in jobs)
    return worked / sum(time.seconds for time in there)


def waits(jobs: Sequence[Span]) -> list[float]:
    """Return the seconds between each job of an engine and its next."""
    return [max(0.0, later.began - earlier.ended) for earlier, later in pairwise(jobs)]
