"""What the files declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from prefect.events.schemas.automations import AutomationCore
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from deployments.rollout.yaml_file import YamlFile, read_yaml
from ltxv.errors import Refused, Violation

MARK = "ltx-flows"
"""Tag of everything that `ltx deploy` makes, or the end of its description."""

FILES = Path(__file__).parent.parent / "prefect.yaml"
"""The deployments that come with the installation; `pools.yaml` is beside it."""

_NOBODY = UUID(int=0)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Queue(_Strict):
    """A work queue of a pool."""

    priority: PositiveInt
    description: str = ""
    concurrency_limit: int | None = Field(default=None, ge=0)


class Pool(_Strict):
    """A work pool."""

    type: str = "process"
    description: str = ""
    concurrency_limit: int | None = Field(default=None, ge=0)
    queues: dict[str, Queue] = Field(default_factory=dict)


class Automation(_Strict):
    """An automation; an action may name its deployment by name."""

    description: str = ""
    enabled: bool = True
    trigger: dict[str, Any]
    actions: list[dict[str, Any]] = Field(min_length=1)

    def core(self, name: str, ids: dict[str, UUID]) -> AutomationCore:
        """Return it as Prefect has it.

        Args:
            name: Its name.
            ids: Ids of deployments by name; one that is missing is still to be made.
        """
        actions = [
            {key: value for key, value in action.items() if key != "deployment"}
            | (
                {"source": "selected", "deployment_id": ids.get(action["deployment"], _NOBODY)}
                if "deployment" in action
                else {}
            )
            for action in self.actions
        ]
        return AutomationCore.model_validate(
            {
                "name": name,
                "description": self.description,
                "enabled": self.enabled,
                "tags": [MARK],
                "trigger": self.trigger,
                "actions": actions,
            }
        )

    @property
    def deployments(self) -> list[str]:
        """Names of the deployments that its actions run."""
        return [action["deployment"] for action in self.actions if "deployment" in action]


class PoolsFile(_Strict):
    """The file `pools.yaml`."""

    pools: dict[str, Pool] = Field(default_factory=dict)
    automations: dict[str, Automation] = Field(default_factory=dict)


class Schedule(_Strict):
    """When a deployment runs by itself; ``active`` is only how it starts."""

    slug: str
    cron: str | None = None
    interval: PositiveInt | None = Field(default=None, description="Seconds.")
    timezone: str = "UTC"
    active: bool = True
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of(self) -> Schedule:
        if (self.cron is None) == (self.interval is None):
            raise ValueError("give either cron or interval")
        return self


class Limit(_Strict):
    """How many runs of a deployment there may be at a time."""

    limit: PositiveInt
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"
    grace_period_seconds: int | None = Field(default=None, ge=60)


class WorkPool(_Strict):
    """Where a deployment's runs go."""

    name: str
    work_queue_name: str = "default"
    job_variables: dict[str, Any] = Field(default_factory=dict)


class Deployment(_Strict):
    """A deployment; ``paused`` is only how it starts."""

    name: str
    entrypoint: str
    description: str = ""
    tags: list[str] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)
    schedules: list[Schedule] = Field(default_factory=list)
    work_pool: WorkPool
    concurrency_limit: Limit | None = None
    paused: bool = False
    enforce_parameter_schema: bool = True


class DeploymentsFile(_Strict):
    """The file `prefect.yaml`, as `prefect deploy` reads it; code is never pulled."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    prefect_version: str | None = Field(default=None, alias="prefect-version")
    name: str | None = None
    definitions: Any = None
    build: list[Any] | None = Field(default=None, max_length=0)
    push: list[Any] | None = Field(default=None, max_length=0)
    pull: list[Any] | None = Field(default=None, max_length=0)
    deployments: list[Deployment] = Field(default_factory=list)


class Declared(BaseModel):
    """Both files together."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    pools: dict[str, Pool]
    automations: dict[str, Automation]
    deployments: list[Deployment]
    file: YamlFile


def read_declared(path: Path) -> Declared:
    """Read the deployments in ``path`` and, beside it, the pools and automations.

    Raises:
        Misconfigured: A file cannot be read.
        Refused: A file says something that cannot be; each mistake with its line.
    """
    file = read_yaml(path)
    deployments = file.parsed(DeploymentsFile, fields=_FIELDS)
    beside = path.with_name("pools.yaml")
    pools_file = read_yaml(beside) if beside.exists() else YamlFile(beside, {}, {})
    pools = pools_file.parsed(PoolsFile, fields=_FIELDS)
    wrong = [*_wrong_automations(pools, pools_file), *_wrong_queues(deployments, pools, file)]
    if wrong:
        raise Refused(*wrong)
    return Declared(
        pools=pools.pools,
        automations=pools.automations,
        deployments=deployments.deployments,
        file=file,
    )


def _wrong_automations(pools: PoolsFile, file: YamlFile) -> Iterator[Violation]:
    for name, automation in pools.automations.items():
        try:
            automation.core(name, {})
        except ValidationError as error:
            for one in error.errors(include_url=False):
                yield file.violation(("automations", name, *one["loc"]), one["msg"])


def _wrong_queues(
    declared: DeploymentsFile, pools: PoolsFile, file: YamlFile
) -> Iterator[Violation]:
    for number, deployment in enumerate(declared.deployments):
        pool = pools.pools.get(deployment.work_pool.name)
        queue = deployment.work_pool.work_queue_name
        if pool is not None and queue not in {*pool.queues, "default"}:
            yield file.violation(
                ("deployments", number, "work_pool", "work_queue_name"),
                f"the pool {deployment.work_pool.name} has no queue {queue!r}; it has "
                + ", ".join(pool.queues),
            )


_FIELDS = [
    field
    for kind in (DeploymentsFile, Deployment, WorkPool, Limit, Schedule, PoolsFile, Pool, Queue)
    for field in [*kind.model_fields]
] + [*Automation.model_fields]
