"""The seed of a request that names none."""

from __future__ import annotations

import hashlib

from prefect.runtime import flow_run


def seed_of_this_run() -> int:
    """Return a seed of 32 bits that is the same each time this flow run is tried or resumed."""
    digest = hashlib.sha256(str(flow_run.get_id()).encode()).digest()
    return int.from_bytes(digest[:4], "big")
