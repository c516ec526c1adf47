"""Where and with what a result was measured."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ltxv import __version__
from ltxv.media.binaries import ffmpeg_version

_LIBRARIES = ("torch", "diffusers", "transformers", "prefect", "numpy", "pillow", "imageio")


def machine() -> dict[str, Any]:
    """Return processor, cores, threads, versions and date, as strings and numbers."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "ltx_flows": f"{__version__} {_commit()}".strip(),
        "ffmpeg": ffmpeg_version().split(" Copyright")[0],
        **{library: version(library) for library in _LIBRARIES},
    }


def command(module: str) -> str:
    """Return the command that was typed, without this machine's paths."""
    return " ".join(["python -m", module, *sys.argv[1:]])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - the user's own git
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip()
