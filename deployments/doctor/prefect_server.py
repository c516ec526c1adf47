"""The Prefect server: whether it answers, and with which version."""

from __future__ import annotations

import prefect
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from deployments.doctor.check import Finding, Findings

_SECONDS = 10.0
_REMEDY = (
    "start it with `prefect server start` and check PREFECT_API_URL, or unset PREFECT_API_URL to "
    "have a server started for each command"
)


def check_prefect() -> Findings:
    """Ask the server for its version, and wait for the answer a few seconds only."""
    found = Findings()
    bounds = {PREFECT_API_REQUEST_TIMEOUT: _SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
    where = PREFECT_API_URL.value() or "a server started for this command"
    with found.of("prefect", remedy=_REMEDY), temporary_settings(bounds):
        with get_client(sync_client=True) as client:
            fault = client.api_healthcheck()
            if fault is not None:
                raise RuntimeError(f"{where} does not answer ({fault})") from fault
            version = client.api_version()
        found.append(_compared(where, version))
    return found


def _compared(where: str, version: str) -> Finding:
    if version == prefect.__version__:
        return Finding("prefect", "ok", f"{where} answers, version {version}")
    return Finding(
        "prefect",
        "warning",
        f"{where} is version {version}, this client {prefect.__version__}",
        "install the same version on both sides, the server's first",
    )
