"""Automations, told apart by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation as AutomationThere
from prefect.events.schemas.automations import AutomationCore

from deployments.rollout.change import Change, differing
from deployments.rollout.declared import MARK, Automation
from deployments.rollout.deployed import deployment_named

_PAGE = 100


def automation_changes(
    declared: Mapping[str, Automation], client: SyncPrefectClient
) -> Iterator[Change]:
    """Say how automations differ; whether one is enabled is the operator's once it is there."""
    there = {automation.name: automation for automation in _all(client)}
    for name, automation in declared.items():
        put = partial(_put, name, automation, client)
        found = there.get(name)
        if found is None:
            yield Change("+", "automation", name, put)
            continue
        fields = differing(_shape(found), _shape(automation.core(name, _ids(automation, client))))
        if fields:
            yield Change("~", "automation", name, put, fields)


def dropped_automations(
    declared: Mapping[str, Automation], client: SyncPrefectClient
) -> Iterator[Change]:
    """Say which automations were made from the files and are no longer in them."""
    for automation in _all(client):
        if MARK in automation.tags and automation.name not in declared:
            delete = partial(client.delete_automation, automation.id)
            yield Change("-", "automation", automation.name, delete)


def _all(client: SyncPrefectClient) -> list[AutomationThere]:
    found: list[AutomationThere] = []
    while page := client.read_automations(limit=_PAGE, offset=len(found)):
        found += page
    return found


def _ids(automation: Automation, client: SyncPrefectClient) -> dict[str, UUID]:
    there = {name: deployment_named(name, client) for name in automation.deployments}
    return {name: found.id for name, found in there.items() if found is not None}


def _put(name: str, automation: Automation, client: SyncPrefectClient) -> None:
    core = automation.core(name, _ids(automation, client))
    found = next((there for there in _all(client) if there.name == name), None)
    if found is None:
        client.create_automation(core)
    else:
        kept = core.model_copy(update={"enabled": found.enabled})
        client.update_automation(found.id, kept)


def _shape(automation: AutomationCore) -> dict[str, Any]:
    """Return what it does, in a form that can be compared: sets come in any order."""
    return {
        "description": automation.description,
        "tags": sorted(automation.tags),
        "trigger": _ordered(automation.trigger.model_dump()),
        "actions": [
            _ordered(action.model_dump(exclude_none=True)) for action in automation.actions
        ],
    }


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _ordered(inner) for key, inner in value.items() if key != "id"}
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, list):
        return [_ordered(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
