"""All pairs of a machine, until they are told to end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from deployments.worker.pair import Pair, lives

_BEAT_SECONDS = 1.0
_ENGINE_SECONDS = 120.0
"""How long an engine may take to end once no run uses it."""

Say = Callable[[Sequence[str]], None]


class Supervisor:
    """Keeps engines and workers going.

    SIGTERM or SIGINT once: no more runs are taken, those at hand end, then all ends. Twice: the
    runs at hand are stopped, which the server hears as crashed.

    Args:
        pairs: One for each GPU.
        say: Shows a line for each pair.
    """

    def __init__(self, pairs: Sequence[Pair], *, say: Say) -> None:
        self._pairs = pairs
        self._say = say
        self._asked = 0

    def run(self) -> None:
        """Supervise until told to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)
        try:
            while not self._asked:
                for pair in self._pairs:
                    pair.keep_going()
                self._say([pair.line() for pair in self._pairs])
                time.sleep(_BEAT_SECONDS)
        finally:
            self._drain()

    def _drain(self) -> None:
        left = [run for pair in self._pairs for run in pair.take_no_more()]
        stopped = False
        while left := [run for run in left if lives(run)]:
            self._say([f"ending: {len(left)} runs are at work"])
            if self._asked > 1 and not stopped:
                stopped = True
                for run in left:
                    run.terminate()
            for pair in self._pairs:
                pair.engine.keep_going()  # its runs still need it
            time.sleep(_BEAT_SECONDS)
        for pair in self._pairs:
            pair.end(_ENGINE_SECONDS)
        self._say(["ended"])

    def _hear(self, number: int, frame: object) -> None:  # noqa: ARG002 - a handler's signature
        self._asked += 1
