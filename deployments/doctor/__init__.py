"""Whether this installation can make videos, one finding at a time."""

from __future__ import annotations

from deployments.doctor.check import Finding
from deployments.doctor.examine import examine
from deployments.doctor.pool import examine_pool

__all__ = ["Finding", "examine", "examine_pool"]
