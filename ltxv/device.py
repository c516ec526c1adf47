"""Which device the passes run on, found out without importing torch."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Literal

from ltxv.errors import Misconfigured

DType = Literal["float32", "bfloat16"]

_NAMES = re.compile(r"cpu|cuda(:\d+)?")


def resolve_device(name: str = "auto") -> str:
    """Return the device that ``name`` stands for: ``cpu``, ``cuda`` or ``cuda:N``.

    ``auto`` is ``cuda`` where this machine has an NVIDIA GPU and a PyTorch built for it, else
    ``cpu``. A device named outright is taken at its word: a plan may be made on a machine
    without the GPU that will serve it, and the engine checks again when it loads.

    Raises:
        Misconfigured: ``name`` is none of these.
    """
    if name == "auto":
        return "cuda" if _has_cuda() else "cpu"
    if not _NAMES.fullmatch(name):
        raise Misconfigured(f"device {name!r} is unknown; use auto, cpu, cuda or cuda:N")
    return name


def device_class(device: str) -> Literal["cpu", "cuda"]:
    """Return the kind of a resolved device, which is what a result depends on."""
    return "cuda" if device.startswith("cuda") else "cpu"


def cpu_threads() -> int:
    """Return the number of CPU threads where nothing says another: one for each core we may use.

    ``OMP_NUM_THREADS`` says another.
    """
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if said.isdecimal() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0))


def default_dtype(device: str) -> DType:
    """Return the reference's bfloat16 on a GPU, float32 on a CPU, which has no fast bfloat16."""
    return "bfloat16" if device_class(device) == "cuda" else "float32"


def _has_cuda() -> bool:
    """Ask torch if it is loaded already, else the driver and torch's own build notes."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return bool(torch.cuda.is_available())
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1", "NoDevFiles"}:
        return False
    return Path("/proc/driver/nvidia/version").exists() and _torch_is_built_for_cuda()


def _torch_is_built_for_cuda() -> bool:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    notes = Path(spec.origin).with_name("version.py")
    built_for = re.search(r"^cuda[^=]*=\s*(.+)$", notes.read_text(), re.MULTILINE)
    return built_for is not None and built_for[1].strip() != "None"
