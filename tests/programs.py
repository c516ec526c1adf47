"""Programs of the system that `make servers` installs."""

from __future__ import annotations

import shutil
from pathlib import Path


def installed(name: str) -> str | None:
    """Return the path of a program; None if it is missing. Postgres has a folder of its own."""
    apart = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(apart[-1]) if apart else shutil.which(name)


def program(name: str) -> str:
    """Return the path of a program that has to be there."""
    found = installed(name)
    assert found is not None, f"there is no {name}; run `make servers`"
    return found
