"""Schedules of deployments, told apart by their slugs; those without one are a person's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

from deployments.rollout.change import Change, differing
from deployments.rollout.declared import Schedule
from deployments.rollout.deployed import Deployable, deployment_named


def schedule_changes(deployed: list[Deployable], client: SyncPrefectClient) -> Iterator[Change]:
    """Say how schedules differ; whether one is active is the operator's once it is there."""
    for one in deployed:
        there = _there(one, client)
        for schedule in one.declared.schedules:
            found = there.get(schedule.slug)
            name = f"{one.name} {schedule.slug}"
            put = partial(_put, one, schedule, client)
            if found is None:
                yield Change("+", "schedule", name, put)
                continue
            fields = differing(_shape_there(found), _shape(schedule))
            if fields:
                yield Change("~", "schedule", name, put, fields)


def dropped_schedules(deployed: list[Deployable], client: SyncPrefectClient) -> Iterator[Change]:
    """Say which schedules are no longer in the files."""
    for one in deployed:
        kept = {schedule.slug for schedule in one.declared.schedules}
        deployment = deployment_named(one.name, client)
        for slug, schedule in _there(one, client).items():
            if slug not in kept and deployment is not None:
                delete = partial(client.delete_deployment_schedule, deployment.id, schedule.id)
                yield Change("-", "schedule", f"{one.name} {slug}", delete)


def _there(one: Deployable, client: SyncPrefectClient) -> dict[str, DeploymentSchedule]:
    deployment = deployment_named(one.name, client)
    schedules = [] if deployment is None else deployment.schedules
    return {schedule.slug: schedule for schedule in schedules if schedule.slug is not None}


def _put(one: Deployable, schedule: Schedule, client: SyncPrefectClient) -> None:
    deployment = client.read_deployment_by_name(one.name)
    when = _when(schedule)
    found = _there(one, client).get(schedule.slug)
    if found is None:
        create = DeploymentScheduleCreate(
            schedule=when,
            active=schedule.active,
            parameters=schedule.parameters,
            slug=schedule.slug,
        )
        client.create_deployment_schedules(deployment.id, [create])
        return
    client.update_deployment_schedule(
        deployment.id, found.id, schedule=when, parameters=schedule.parameters
    )


def _when(schedule: Schedule) -> CronSchedule | IntervalSchedule:
    if schedule.cron is not None:
        return CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    return IntervalSchedule(
        interval=timedelta(seconds=schedule.interval or 0), timezone=schedule.timezone
    )


def _shape(schedule: Schedule) -> dict[str, Any]:
    return {**_told(_when(schedule)), "parameters": schedule.parameters}


def _shape_there(there: DeploymentSchedule) -> dict[str, Any]:
    return {**_told(there.schedule), "parameters": there.parameters}


def _told(when: Any) -> dict[str, Any]:
    """Return what decides when it runs; an interval's anchor is only the time it was made."""
    told: dict[str, Any] = when.model_dump(mode="json", include={"cron", "interval", "rrule"})
    return {**told, "timezone": when.timezone}
