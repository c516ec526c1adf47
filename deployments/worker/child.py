"""A process that is started again when it ends, each time a little later."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

import psutil

_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_SOUND_SECONDS = 60.0
"""A process that ran so long is started again at once."""


class Child:
    """One supervised process, in a session of its own so that no terminal stops it.

    Args:
        command: Program and arguments.
        environment: What it sees beside this process's own.
        quiet: Whether its standard output is nobody's; what it logs goes to the other one.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._out = subprocess.DEVNULL if quiet else None
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._delay = _FIRST_DELAY
        self._not_before = 0.0
        self.restarts = 0

    def keep_going(self) -> None:
        """Start the process if it does not run and its time has come."""
        if self.alive:
            return
        now = time.monotonic()
        if self._process is not None:
            self._ended(now)
        if now >= self._not_before:
            self._began = now
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def started(self) -> bool:
        """Whether it runs, or ran and is to be started again."""
        return self._process is not None

    def children(self) -> list[psutil.Process]:
        """Return the processes that it started; theirs are their own affair."""
        if self._process is None or not self.alive:
            return []
        try:
            found: list[psutil.Process] = psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            return []
        return found

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Say whether it has ended within ``seconds``."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _ended(self, now: float) -> None:
        if now - self._began > _SOUND_SECONDS:
            self._delay = _FIRST_DELAY
        self._not_before = now + self._delay
        self._delay = min(_LONGEST_DELAY, self._delay * 2)
        self._process = None
        self.restarts += 1
