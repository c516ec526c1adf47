"""``ltx`` with an engine whose denoising steps take longer, but no more of the CPU.

A GPU denoises while the CPU is free for the flows. Where there is no GPU, each step of the tiny
model is followed by so many seconds of waiting: ``python -m benchmarks.paced worker --pool gpu``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from unittest.mock import patch

from deployments.cli import main as ltx
from deployments.worker import pair
from ltxv.engine import OnStep

STEP_SECONDS = "LTX_BENCH_STEP_SECONDS"
"""Environment variable: how long the engine waits after each step."""


def main() -> None:
    """Run a command of ``ltx``; the engines of a worker are paced as well."""
    if sys.argv[1:2] == ["engine"]:
        _pace(float(os.environ[STEP_SECONDS]))
    plain = pair._engine_command  # noqa: SLF001 - the one place that names the engine's program

    def engine_command(*given: Any) -> list[str]:
        return [sys.executable, "-m", "benchmarks.paced", *plain(*given)[1:]]

    with patch.object(pair, "_engine_command", engine_command):
        ltx()


def _pace(seconds: float) -> None:
    from ltxv.model.local_engine import LocalEngine  # noqa: PLC0415 - only the engine's process

    for name in ("first_pass", "second_pass"):
        patch.object(LocalEngine, name, _paced(getattr(LocalEngine, name), seconds)).start()


def _paced(denoise: Callable[..., bytes], seconds: float) -> Callable[..., bytes]:
    @wraps(denoise)
    def paced(*given: Any, on_step: OnStep, **named: Any) -> bytes:
        def step(done: int, total: int) -> None:
            time.sleep(seconds)
            on_step(done, total)

        return denoise(*given, on_step=step, **named)

    return paced


if __name__ == "__main__":
    main()
