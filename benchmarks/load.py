"""Seconds that a fresh process needs to hold the tiny model: its imports, and its weights.

``python -m benchmarks.load`` prints them as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Load(NamedTuple):
    """Seconds of each part."""

    imports: float
    weights: float


def load_anew() -> Load:
    """Load the model in a fresh process and return what that took."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
        cwd=Path(__file__).parents[1],
    )
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def _load() -> Load:
    began = time.perf_counter()
    from ltxv.checkpoints import find_checkpoint  # noqa: PLC0415 - this is what is timed
    from ltxv.model.local_engine import LocalEngine  # noqa: PLC0415

    imported = time.perf_counter()
    LocalEngine(find_checkpoint("tiny"), device="cpu").load()
    return Load(imports=imported - began, weights=time.perf_counter() - imported)


if __name__ == "__main__":
    print(json.dumps(_load()._asdict()))
