"""A flow run's process as a worker starts it, up to its first task: its age and its memory.

``python -m benchmarks.first_task`` with a run's id in ``PREFECT__FLOW_RUN_ID`` does what ``python
-m prefect.engine`` does, prints one line of JSON when the first task is called, and is gone.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

_SECONDS = 300


class FirstTask(NamedTuple):
    """How the process was when it called its first task."""

    seconds: float
    """Since it was started."""
    cpu: float
    """Of the CPU, on all cores."""
    mib: float
    """Resident memory."""
    torch: bool
    """Whether it had imported PyTorch."""


def first_task(run: UUID, *, api: str) -> FirstTask:
    """Start the process of a flow run, which ends at its first task, and return how it was then.

    Args:
        run: Its id; it stays Running at the server.
        api: Address of the server.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PREFECT_API_URL": api, "PREFECT__FLOW_RUN_ID": str(run)},
    )
    return FirstTask(**json.loads(done.stdout.splitlines()[-1]))


def _tell(*_: Any, **__: Any) -> NoReturn:
    import psutil  # noqa: PLC0415 - the run's own imports come first

    process = psutil.Process()
    how = FirstTask(
        seconds=time.time() - process.create_time(),
        cpu=time.process_time(),
        mib=process.memory_info().rss / 2**20,
        torch="torch" in sys.modules,
    )
    sys.stdout.write(json.dumps(how._asdict()) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    from prefect.tasks import Task

    Task.__call__ = _tell  # type: ignore[method-assign]
    sys.argv = ["prefect.engine"]
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
