"""All checks, in the order in which their failures are best mended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from deployments.doctor.check import Finding
from deployments.doctor.credentials import check_credentials
from deployments.doctor.expander import check_expander
from deployments.doctor.house import House
from deployments.doctor.media_tools import check_media_tools
from deployments.doctor.model import check_model
from deployments.doctor.prefect_server import check_prefect
from deployments.doctor.safety import check_safety
from deployments.doctor.store import check_store
from deployments.doctor.versions import check_versions

CHECKS: tuple[Callable[[House], Iterable[Finding]], ...] = (
    check_media_tools,
    check_model,
    check_store,
    check_safety,
    check_expander,
    check_credentials,
)
"""One more check is one more function here."""


def examine(
    *, model: str, store: str, safety: str, expander: str, credentials: str
) -> Iterator[Finding]:
    """Yield every finding as it comes; a check that fails hides none of the others.

    Args:
        model: Name of the model block, or of a known checkpoint.
        store: Name of the store block.
        safety: Name of the safety checker block.
        expander: Name of the prompt expander block.
        credentials: Name of the block of content credentials.
    """
    yield from check_versions()
    server = check_prefect()
    yield from server
    online = all(finding.state != "failed" for finding in server)
    house = House(
        model=model,
        store=store,
        safety=safety,
        expander=expander,
        credentials=credentials,
        online=online,
    )
    for check in CHECKS:
        yield from check(house)
