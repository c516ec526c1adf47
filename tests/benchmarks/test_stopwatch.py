"""Costs of parts inside parts."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from benchmarks.stopwatch import Cost, Stopwatch, WallClock, covered


class Ticks(WallClock):
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def start(self) -> Any:
        return self.now

    def since(self, mark: Any) -> Cost:
        return Cost(self.now - mark, 2 * (self.now - mark), 1)


def test_a_part_costs_what_the_parts_inside_it_do_not() -> None:
    """Costs add up to the whole, and a part is found by its name wherever it lies."""
    clock = Ticks()
    watch = Stopwatch(clock)
    with watch.part("pass"):
        clock.now += 1
        for _ in range(3):
            with watch.part("forward"):
                clock.now += 10
    with watch.part("decode"):
        clock.now += 100
    assert watch.parts == {
        "pass": Cost(1, 2, 1),
        "pass/forward": Cost(30, 60, 3),
        "decode": Cost(100, 200, 1),
    }
    assert watch.total("forward") == Cost(30, 60, 3)
    assert watch.whole("pass").wall == 31
    assert watch.whole().wall == 131


def test_a_part_that_fails_is_still_counted() -> None:
    """An error passes through, and what follows it is not taken for a part inside."""
    clock = Ticks()
    watch = Stopwatch(clock)

    def fail() -> None:
        clock.now += 1
        raise ValueError

    with pytest.raises(ValueError), watch.part("outer"):  # noqa: PT011
        watch.timing("inner", fail)()
    with watch.part("next"):
        clock.now += 5
    assert watch.parts == {
        "outer/inner": Cost(1, 2, 1),
        "outer": Cost(0, 0, 1),
        "next": Cost(5, 10, 1),
    }


def test_threads_do_not_lie_in_each_other() -> None:
    """A part that another thread opens is its own, not a part of what is open here."""
    watch = Stopwatch()

    def work() -> None:
        with watch.part("beside"):
            pass

    with watch.part("here"):
        thread = Thread(target=work)
        thread.start()
        thread.join()
    assert set(watch.parts) == {"here", "beside"}


def test_real_clocks_see_work_and_children() -> None:
    """CPU seconds count this process's work; waiting costs none of them."""
    watch = Stopwatch()
    with watch.part("work"):
        sum(range(2_000_000))
    assert watch.parts["work"].cpu > 0
    assert watch.parts["work"].wall > 0


def test_parts_at_the_same_time_are_covered_once() -> None:
    """Time in which two threads work counts once, and time in which none does not at all."""
    assert covered([(5.0, 8.0), (0.0, 2.0), (1.0, 3.0), (6.0, 7.0)]) == 6.0
    assert covered([]) == 0.0


def test_the_spans_are_those_of_outermost_parts() -> None:
    """A part inside another adds no span of its own."""
    clock = Ticks()
    watch = Stopwatch(clock, now=lambda: clock.now)
    with watch.part("pass"), watch.part("forward"):
        clock.now += 3
    clock.now += 1
    with watch.part("decode"):
        clock.now += 2
    assert watch.spans == [(0, 3), (4, 6)]
    assert covered(watch.spans) == 5
