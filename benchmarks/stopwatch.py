"""What a named part of a run costs: wall time, CPU time of this process and its children, count.

Parts may lie inside each other. A part's cost is its own, without the parts inside it, so that
the costs of a run add up; ``Part.name`` tells where it lies, as in ``second_pass/forward``.
"""

from __future__ import annotations

import functools
import math
import resource
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Cost:
    """Seconds: by the wall clock, and of all CPU cores together, ended children included."""

    wall: float = 0.0
    cpu: float = 0.0
    count: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu, self.count + other.count)

    def without(self, inner: Cost) -> Cost:
        """Return this cost less that of parts inside it; it counts as often."""
        return Cost(self.wall - inner.wall, self.cpu - inner.cpu, self.count)


class WallClock:
    """Times by the machine's own clocks."""

    def start(self) -> Any:
        """Return a mark for ``since``."""
        return time.perf_counter(), _cpu_seconds()

    def since(self, mark: Any) -> Cost:
        """Return what was spent after ``start``."""
        wall, cpu = mark
        return Cost(time.perf_counter() - wall, _cpu_seconds() - cpu, 1)


class CudaClock(WallClock):
    """Times by CUDA events on the current stream: what the GPU took, queueing left out."""

    def start(self) -> Any:
        """Return a mark for ``since``."""
        event = _cuda_event()
        event.record()
        return event, _cpu_seconds()

    def since(self, mark: Any) -> Cost:
        """Wait for the GPU and return what was spent after ``start``."""
        begin, cpu = mark
        end = _cuda_event()
        end.record()
        end.synchronize()
        return Cost(begin.elapsed_time(end) / 1000, _cpu_seconds() - cpu, 1)


@dataclass
class Stopwatch:
    """Costs of the parts of one run, by name; each thread has its own stack of open parts.

    Of parts at the same time in several threads, each has the CPU time of all.
    """

    clock: WallClock = field(default_factory=WallClock)
    parts: dict[str, Cost] = field(default_factory=dict)
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Beginning and end of each outermost part, seconds of ``now``."""
    now: Callable[[], float] = time.perf_counter
    _open: threading.local = field(default_factory=threading.local, repr=False)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what is spent inside to the part ``name`` of the part that is open."""
        stack: list[tuple[str, list[Cost]]] = self._open.__dict__.setdefault("stack", [])
        path = f"{stack[-1][0]}/{name}" if stack else name
        inner: list[Cost] = []
        stack.append((path, inner))
        began = self.now()
        mark = self.clock.start()
        try:
            yield
        finally:
            spent = self.clock.since(mark)
            stack.pop()
            if stack:
                stack[-1][1].append(spent)
            else:
                self.spans.append((began, self.now()))
            own = spent.without(sum(inner, Cost()))
            self.parts[path] = self.parts.get(path, Cost()) + own

    def timing(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` such that each call is a part."""

        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.part(name):
                return function(*args, **kwargs)

        return timed

    def whole(self, *names: str) -> Cost:
        """Return the cost of outermost parts with everything inside them; of all if none named."""
        outer = {path: path.partition("/")[0] for path in self.parts}
        wanted = [self.parts[path] for path in outer if not names or outer[path] in names]
        return sum(wanted, Cost())

    def total(self, *names: str) -> Cost:
        """Return the cost of the parts named, wherever they lie and all inside them excluded."""
        wanted = [cost for path, cost in self.parts.items() if path.rpartition("/")[2] in names]
        return sum(wanted, Cost())


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return how long at least one of some spans lasted."""
    seconds, reached = 0.0, -math.inf
    for began, ended in sorted(spans):
        seconds += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return seconds


def timing(run: Callable[[], Any]) -> Callable[[], Cost]:
    """Return a function that runs another one and says what that cost."""

    def timed() -> Cost:
        watch = Stopwatch()
        with watch.part("all"):
            run()
        return watch.whole()

    return timed


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _cuda_event() -> Any:
    make: Any = torch.cuda.Event  # torch leaves it untyped
    return make(enable_timing=True)
