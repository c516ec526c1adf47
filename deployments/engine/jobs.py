"""Jobs of an engine: a bounded queue with priorities, and what became of each."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deployments.engine.outbox import Outbox
from ltxv.engine import Frames
from ltxv.errors import Cancelled

JobState = Literal["queued", "running", "done", "failed", "cancelled"]

OVER: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})

_TURN = {"decode": 0, "second_pass": 1, "encode_prompt": 2, "first_pass": 3}
"""What is nearest to the end of its clip goes first. In the order they came, runs that began
together go step in step, end together, and leave the engine idle until their successors have
started, as ``benchmarks.throughput`` shows. No first pass waits for ever: only runs that have had
theirs come with a later stage."""

_KEPT_SECONDS = 120.0
"""How long an outcome waits to be fetched."""
_UNHEARD_SECONDS = 30.0
"""A caller who has not listened for so long is gone."""


class QueueFullError(RuntimeError):
    """There are as many jobs waiting as may wait."""


@dataclass(frozen=True)
class Event:
    """Something that a caller hears of."""

    name: str
    data: dict[str, Any]


@dataclass
class Job:
    """One piece of work, watched by the caller who asked for it."""

    stage: str
    run: Callable[[Job], bytes | None]
    """Does it; frames are handed to the job as they come, anything else is returned."""
    priority: int
    inputs: frozenset[str]
    flow_run: str | None = None
    carried: Mapping[str, str] = field(default_factory=dict)
    """The span that it belongs to."""
    asked: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: JobState = "queued"
    events: list[Event] = field(default_factory=list)
    outcome: bytes | None = None
    frames: Outbox = field(default_factory=Outbox)
    began: float | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _asked_to_stop: bool = False
    _heard: float = field(default_factory=time.monotonic)
    _ended: float | None = None

    def heard(self, number: int, *, within: float) -> list[Event]:
        """Wait ``within`` seconds for events after the first ``number``, and return them."""
        self._heard = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: len(self.events) > number, timeout=within)
            return self.events[number:]

    def stop(self) -> None:
        """Cancel the job: at once if it waits, between two steps if it runs."""
        with self._changed:
            self._asked_to_stop = True
            if self.state == "queued":
                self._end("cancelled", Event("cancelled", {}))

    def on_step(self, done: int, total: int) -> None:
        """Tell the caller of a step.

        Raises:
            Cancelled: The caller is gone, or asked to stop.
        """
        with self._changed:
            self._check(f"after step {done} of {total}")
            self._tell(Event("step", {"done": done, "total": total}))

    def on_frames(self, frames: Frames) -> None:
        """Let the caller have the next frames, and tell of the first.

        Raises:
            Cancelled: The caller is gone, or asked to stop.
        """
        with self._changed:
            self._check("while its frames were handed out")
            first = self.frames.shape is None
            self.frames.put(frames)
            if first:
                self._tell(Event("frames", {"shape": self.frames.shape}))

    def start(self) -> bool:
        """Say that the job runs now; False if it is over already."""
        with self._changed:
            if self.state != "queued":
                return False
            self.state, self.began = "running", time.monotonic()
            self._tell(Event("running", {}))
            return True

    def end(self, state: JobState, event: Event, outcome: bytes | None = None) -> None:
        """Say what became of the job."""
        with self._changed:
            self.outcome = outcome
            self._end(state, event)

    @property
    def unheard(self) -> bool:
        """Whether the caller has not listened for too long, and so is gone."""
        return time.monotonic() - self._heard > _UNHEARD_SECONDS

    @property
    def forgotten(self) -> bool:
        """Whether nobody has fetched the outcome for too long."""
        return self._ended is not None and time.monotonic() - self._ended > _KEPT_SECONDS

    @property
    def seconds(self) -> float:
        """How long it was worked on; 0 before its end."""
        return 0.0 if self.began is None or self._ended is None else self._ended - self.began

    def _check(self, when: str) -> None:
        if self._asked_to_stop or self.unheard:
            raise Cancelled(f"{self.stage} was cancelled {when}")

    def _end(self, state: JobState, event: Event) -> None:
        self.state, self._ended = state, time.monotonic()
        self.frames.close()
        self._tell(Event(event.name, {**event.data, "seconds": round(self.seconds, 4)}))

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self._changed.notify_all()


class Jobs:
    """All jobs of an engine.

    Lower priorities go first, of equal ones what is nearest to the end of its clip, and then what
    came first.

    Args:
        most: How many may wait.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._jobs: dict[str, Job] = {}
        self._waiting: list[tuple[int, int, int, Job]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()

    def add(self, job: Job) -> int:
        """Let a job wait; return how many go before it.

        Raises:
            QueueFullError: Too many wait.
        """
        with self._changed:
            self._clean()
            if len(self._waiting) >= self._most:
                raise QueueFullError(f"{len(self._waiting)} jobs wait already")
            self._jobs[job.id] = job
            self._waiting.append((job.priority, _TURN[job.stage], next(self._count), job))
            self._waiting.sort(key=lambda entry: entry[:3])
            self._changed.notify_all()
            return next(n for n, entry in enumerate(self._waiting) if entry[3] is job)

    def find(self, job_id: str) -> Job | None:
        """Return a job; None if there is none of this id, or its outcome was fetched."""
        with self._changed:
            return self._jobs.get(job_id)

    def drop(self, job: Job) -> None:
        """Forget a job whose outcome its caller has."""
        with self._changed:
            self._jobs.pop(job.id, None)
            self._changed.notify_all()

    def next(self, *, within: float) -> Job | None:
        """Take the job that is next; None if none comes ``within`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), timeout=within)
            self._clean()
            return self._waiting.pop(0)[3] if self._waiting else None

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        with self._changed:
            self._clean()
            return len(self._waiting)

    @property
    def unfinished(self) -> int:
        """How many jobs wait, run or have an outcome that was not fetched."""
        with self._changed:
            self._clean()
            return len(self._jobs)

    @property
    def inputs(self) -> set[str]:
        """Digests of the inputs that jobs still need."""
        with self._changed:
            return {name for job in self._jobs.values() for name in job.inputs}

    def _clean(self) -> None:
        for *_, job in self._waiting:
            if job.unheard:
                job.stop()
        gone = [job for job in self._jobs.values() if job.forgotten or job.state == "cancelled"]
        for job in gone:
            del self._jobs[job.id]
        self._waiting = [entry for entry in self._waiting if entry[3].state == "queued"]
