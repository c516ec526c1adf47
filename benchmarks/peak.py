"""How much memory one run takes at most, in a process of its own.

``python -m benchmarks.peak flow NAME STORE '{...}'`` or ``documented - - '{...}'``: makes one
clip and prints its seconds and the process's largest resident size as JSON. ffmpeg is a process
of its own and not counted, on either side.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from prefect.settings import PREFECT_API_URL

from benchmarks.documented import Documented
from benchmarks.house import House, photo_request
from benchmarks.samples import PHOTO, planned
from benchmarks.stopwatch import Stopwatch
from ltxv.checkpoints import TINY

_KIB_A_GIB = 2**20
_SECONDS = 3600


def peak(side: str, house: House, store: str, *, threads: int, **fields: Any) -> dict[str, float]:
    """Make one clip in a fresh process and return its ``seconds`` and ``gib``."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            __name__,
            side,
            house.name,
            store,
            json.dumps({"threads": threads, **fields}),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_SECONDS,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _largest_resident_gib() -> float:
    """Return this process's high-water mark; Linux's ``ru_maxrss`` has its parent's in it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / _KIB_A_GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30


def _run(side: str, house: House, store: str, *, threads: int, **fields: Any) -> float:
    torch.set_num_threads(threads)
    request = photo_request(PHOTO, **fields)
    if side == "flow":
        return house.make(request, store).whole.wall
    recipe, watch = Documented.from_folder(TINY), Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        recipe.make(planned(request), PHOTO, Path(folder) / "clip.mp4", watch=watch)
    return sum(cost.wall for cost in watch.parts.values())


if __name__ == "__main__":
    which, name, kept_in, asked = sys.argv[1:]
    spent = _run(which, House(name, Path()), kept_in, **json.loads(asked))
    print(json.dumps({"seconds": round(spent, 2), "gib": round(_largest_resident_gib(), 3)}))
