"""A program that ends with the process that started it: ``python -m … SIGNAL PROGRAM ARGUMENTS``.

A worker that is killed cannot end what it started; the kernel does it in its place. Where there
is no Linux kernel the program runs on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
PARENT = "LTX_WORKER_PID"
"""Environment variable with the process that the program belongs to."""


def bound(command: Sequence[str], by: signal.Signals) -> list[str]:
    """Return what runs ``command`` until this process is gone, and then sends it ``by``."""
    return [sys.executable, "-m", __name__, by.name, *command]


def _run(name: str, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.Signals[name])
        if str(os.getppid()) != os.environ.get(PARENT, str(os.getppid())):
            sys.exit(1)  # it was gone before the kernel knew
    os.execv(command[0], command)  # noqa: S606 - a program of this installation, no shell


if __name__ == "__main__":
    _run(sys.argv[1], sys.argv[2:])
