"""All changes between the files and the server, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectException

from deployments.rollout.automations import automation_changes, dropped_automations
from deployments.rollout.change import Change
from deployments.rollout.declared import Declared
from deployments.rollout.deployed import (
    Deployable,
    deployables,
    deployment_changes,
    dropped_deployments,
)
from deployments.rollout.pools import dropped_pools, pool_changes
from deployments.rollout.schedules import dropped_schedules, schedule_changes
from ltxv.errors import LTXError, Misconfigured


class Changes(NamedTuple):
    """What is to be done."""

    wanted: list[Change]
    """Additions and changes; a later one may need an earlier one."""
    dropped: list[Change]
    """What was made from the files once and is no longer in them."""


def find_changes(declared: Declared, client: SyncPrefectClient) -> Changes:
    """Compare files and server; nothing is changed.

    Raises:
        Refused: An entrypoint cannot be loaded, or what is declared does not fit together.
        Misconfigured: The server has something of the same name that cannot be changed.
    """
    deployed = deployables(declared)
    wanted = [
        *pool_changes(declared.pools, client),
        *deployment_changes(deployed, client, pools=set(declared.pools)),
        *schedule_changes(deployed, client),
        *automation_changes(declared.automations, client),
    ]
    return Changes(wanted, list(_dropped(declared, deployed, client)))


def _dropped(
    declared: Declared, deployed: list[Deployable], client: SyncPrefectClient
) -> Iterator[Change]:
    yield from dropped_automations(declared.automations, client)
    yield from dropped_schedules(deployed, client)
    for name, deployment in dropped_deployments(deployed, client):
        yield Change("-", "deployment", name, partial(client.delete_deployment, deployment))
    yield from dropped_pools(declared.pools, client)


def make(change: Change) -> None:
    """Make a change at the server.

    Raises:
        Misconfigured: The server does not accept it; with the server's reason.
    """
    try:
        change.do()
    except LTXError:
        raise
    except (PrefectException, httpx.HTTPError) as error:
        raise Misconfigured(
            f"{change.kind} {change.name}: the server does not accept it: {_reason(error)}; what "
            "was changed before is kept, correct the file and deploy again"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        try:
            detail = error.response.json()
        except ValueError:
            return f"{error.response.status_code}"
        return str(detail.get("detail", detail) if isinstance(detail, dict) else detail)
    return str(error)
