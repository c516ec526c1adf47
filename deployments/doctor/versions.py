"""Python and the packages, against what this project asks for."""

from __future__ import annotations

import platform
from importlib import metadata

from packaging.requirements import Requirement

from deployments.doctor.check import Findings

_PROJECT = "ltx-flows"
_SHOWN = ("prefect", "torch", "diffusers", "pydantic", "fastapi")
_REMEDY = "run `make install`"


def check_versions() -> Findings:
    """Find packages that are missing or of a version that does not work."""
    found = Findings()
    found.ok("python", platform.python_version())
    with found.of("packages", remedy=_REMEDY):
        wrong = [fault for line in metadata.requires(_PROJECT) or [] if (fault := _fault(line))]
        if wrong:
            raise RuntimeError(", ".join(wrong))
        found.ok("packages", ", ".join(f"{name} {metadata.version(name)}" for name in _SHOWN))
    return found


def _fault(line: str) -> str:
    """Say what is wrong with a required package; empty if nothing is."""
    wanted = Requirement(line)
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
        return ""
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"{wanted.name} is missing"
    if wanted.specifier.contains(version, prereleases=True):
        return ""
    return f"{wanted.name} is {version}, not {wanted.specifier}"
