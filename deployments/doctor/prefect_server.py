"""The Prefect server: whether it answers, and with which version."""

from __future__ import annotations

import httpx
import prefect
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from deployments.doctor.check import Finding, Findings
from ltxv.errors import Misconfigured

_SECONDS = 10.0
_NO_ENTRY = (401, 403)
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
            version = _version(client, where)
        found.append(_compared(where, version))
    return found


def _version(client: SyncPrefectClient, where: str) -> str:
    try:
        return client.api_version()
    except httpx.HTTPStatusError as error:
        if error.response.status_code in _NO_ENTRY:
            raise Misconfigured(
                f"{where} answered HTTP {error.response.status_code}; set "
                "PREFECT_API_AUTH_STRING to its user:password, or PREFECT_API_KEY to its key"
            ) from error
        raise


def _compared(where: str, version: str) -> Finding:
    if version == prefect.__version__:
        return Finding("prefect", "ok", f"{where} answers, version {version}")
    return Finding(
        "prefect",
        "warning",
        f"{where} is version {version}, this client {prefect.__version__}",
        "install the same version on both sides, the server's first",
    )
