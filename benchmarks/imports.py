"""What a fresh interpreter spends on an import: seconds, memory, and which packages take them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parents[1]
_SECONDS = 300
_MICROSECONDS = 1e6
_CODE = """
import importlib, json, sys, time
began = time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
took, cpu = time.perf_counter() - began, time.process_time()
import psutil
print(json.dumps([took, cpu, psutil.Process().memory_info().rss / 2**20]))
"""


class Imported(NamedTuple):
    """What it cost."""

    seconds: float
    cpu: float
    """CPU seconds of the process, the interpreter's own start included."""
    mib: float
    """Resident memory of the process afterwards."""


def imported(*modules: str) -> Imported:
    """Import modules in a fresh interpreter and return what that cost."""
    done = _run("-c", _CODE, *modules)
    return Imported(*json.loads(done.stdout.splitlines()[-1]))


def by_package(*modules: str) -> dict[str, float]:
    """Return the seconds of each package that an import pulls in, the dearest first.

    The interpreter times every module, which makes all of it slower.
    """
    done = _run("-X", "importtime", "-c", f"import {', '.join(modules)}")
    return shares(done.stderr.splitlines())


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Add up what ``-X importtime`` says, without what a module imports itself, by package.

    Args:
        lines: Such as ``import time:  90 |  210 |   json.decoder``, in microseconds.
    """
    spent: Counter[str] = Counter()
    for line in lines:
        told, _, name = line.rpartition("|")
        own = told.removeprefix("import time:").partition("|")[0].strip()
        if own.isdigit():
            spent[name.strip().partition(".")[0]] += int(own)
    return {name: own / _MICROSECONDS for name, own in spent.most_common()}


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
        cwd=_ROOT,
    )
