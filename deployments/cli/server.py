"""The Prefect server that a command works with."""

from __future__ import annotations

from collections.abc import Callable

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from ltxv.errors import Misconfigured


def reach_server_aloud(say: Callable[[str], None]) -> None:
    """Do as ``reach_server`` does, and say so first: starting one takes a while.

    Raises:
        Misconfigured: It does not answer.
    """
    say("Reaching the Prefect server (without PREFECT_API_URL one is started here) …")
    reach_server()


def reach_server() -> None:
    """Connect to the server that ``PREFECT_API_URL`` names, or to one that is started for us.

    Raises:
        Misconfigured: It does not answer.
    """
    address = PREFECT_API_URL.value()
    try:
        with get_client(sync_client=True) as client:
            fault = client.api_healthcheck()
    except RuntimeError as error:  # the one started for us did not come up in time
        fault = error
    if fault is None:
        return
    remedy = (
        f"check PREFECT_API_URL ({address}), or unset it to have a server started here"
        if address
        else "start one with `prefect server start` and set PREFECT_API_URL"
    )
    raise Misconfigured(f"the Prefect server cannot be reached ({fault}); {remedy}") from fault
