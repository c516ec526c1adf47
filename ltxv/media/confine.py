"""Bounds on a program that reads what strangers sent."""

from __future__ import annotations

import subprocess
import sys

_GIB = 2**30
_MEMORY = 8 * _GIB
_OUTPUT = 16 * _GIB


def confine(process: subprocess.Popen[bytes], *, memory: int = _MEMORY) -> None:
    """Hold a program that was just started to so much memory and output; Linux only.

    A decoder that a crafted file drives to more than that fails alone. Beyond the largest media
    that are accepted the bounds leave ample room: 4K with sixteen reference frames takes 1 GiB.
    """
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - not on every system

    try:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (memory, memory))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_OUTPUT, _OUTPUT))
        resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
    except ProcessLookupError:
        return  # it has ended already
    except PermissionError:
        return  # a stricter bound holds already
