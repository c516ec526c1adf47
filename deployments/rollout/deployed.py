"""Deployments, by the names `FLOW/NAME` that the server gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments.rollout.change import Change, differing
from deployments.rollout.declared import MARK, Declared, Deployment
from ltxv.errors import Refused, Violation

_PAGE = 100


class Deployable(NamedTuple):
    """A declared deployment with its flow."""

    declared: Deployment
    flow: Flow[..., Any]
    schema: dict[str, Any]
    """Of the flow's parameters, which the run form is made of."""

    @property
    def name(self) -> str:
        """The name at the server."""
        return f"{self.flow.name}/{self.declared.name}"

    @property
    def left_open(self) -> set[str]:
        """Parameters that the flow needs and the file does not give: the operator's to fill in."""
        return set(self.schema.get("required", [])) - set(self.declared.parameters)


def deployables(declared: Declared) -> list[Deployable]:
    """Load the flow of each deployment.

    Raises:
        Refused: One cannot be loaded, takes no such parameter, or is there twice.
    """
    made: list[Deployable] = []
    wrong: list[Violation] = []
    for number, deployment in enumerate(declared.deployments):
        try:
            one = _deployable(deployment)
        except Exception as error:  # noqa: BLE001 - importing code can fail in any way
            said = f"cannot be loaded: {type(error).__name__}: {error}"
            loc = ("deployments", number, "entrypoint")
            wrong.append(declared.file.violation(loc, f"{deployment.entrypoint} {said}"))
            continue
        wrong += _wrong(one, number, declared, {other.name for other in made})
        made.append(one)
    if wrong:
        raise Refused(*wrong)
    return made


def _deployable(deployment: Deployment) -> Deployable:
    flow: Flow[..., Any] = load_flow_from_entrypoint(
        deployment.entrypoint, use_placeholder_flow=False
    )
    return Deployable(deployment, flow, parameter_schema(flow).model_dump(exclude_unset=True))


def _wrong(one: Deployable, number: int, declared: Declared, names: set[str]) -> list[Violation]:
    file, loc = declared.file, ("deployments", number)
    known = one.schema.get("properties", {})
    wrong = [
        file.violation(
            (*loc, "parameters", name), f"{one.flow.name} takes {', '.join(known)} and no other"
        )
        for name in one.declared.parameters
        if name not in known
    ]
    if one.name in names:
        wrong.append(file.violation((*loc, "name"), f"there is a {one.name} above"))
    return wrong


def deployment_changes(
    deployed: list[Deployable], client: SyncPrefectClient, *, pools: set[str]
) -> Iterator[Change]:
    """Say how deployments differ from the server's.

    Args:
        deployed: What is declared.
        client: The server.
        pools: Names of pools that will be there.

    Raises:
        Refused: One is for a pool that neither the files nor the server have.
    """
    for one in deployed:
        _check_pool(one, client, pools)
        there = deployment_named(one.name, client)
        if there is None:
            yield Change("+", "deployment", one.name, partial(_create, one, client))
            continue
        old, new = _shape_there(there, one), _shape(one)
        fields = differing(old, new)
        if old.pop("schema") != new.pop("schema"):
            fields = tuple(f for f in fields if not f.name.startswith("schema."))
            fields += differing({"run form": "of another version"}, {"run form": "of this version"})
        if fields:
            changed = partial(_update, one, there, client)
            yield Change("~", "deployment", one.name, changed, fields)


def dropped_deployments(
    deployed: list[Deployable], client: SyncPrefectClient
) -> Iterator[tuple[str, UUID]]:
    """Return those that were made from the files and are no longer in them."""
    kept = {one.name for one in deployed}
    marked = DeploymentFilter(tags=DeploymentFilterTags(all_=[MARK]))
    there: list[DeploymentResponse] = []
    while page := client.read_deployments(deployment_filter=marked, limit=_PAGE, offset=len(there)):
        there += page
    for deployment in there:
        name = f"{client.read_flow(deployment.flow_id).name}/{deployment.name}"
        if name not in kept:
            yield name, deployment.id


def deployment_named(name: str, client: SyncPrefectClient) -> DeploymentResponse | None:
    """Return the deployment `FLOW/NAME` of the server; None if it has none of that name."""
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _check_pool(one: Deployable, client: SyncPrefectClient, pools: set[str]) -> None:
    name = one.declared.work_pool.name
    if name in pools:
        return
    try:
        client.read_work_pool(name)
    except ObjectNotFound as error:
        raise Refused.because(
            (one.name, "work_pool", "name"),
            f"there is no work pool {name!r}, neither in pools.yaml nor at the server",
            type="value_error",
        ) from error


def _create(one: Deployable, client: SyncPrefectClient) -> None:
    shape = _shape(one)
    client.create_deployment(
        client.create_flow_from_name(one.flow.name),
        one.declared.name,
        paused=one.declared.paused,
        **_arguments(shape, list(shape)),
    )


def _update(one: Deployable, there: DeploymentResponse, client: SyncPrefectClient) -> None:
    old, new = _shape_there(there, one), _shape(one)
    changed = [name for name, value in new.items() if old.get(name) != value]
    if "pool" in changed or "queue" in changed:
        changed += ["pool", "queue"]
    if "parameters" in changed:
        open_ones = {k: v for k, v in there.parameters.items() if k in one.left_open}
        new["parameters"] = {**open_ones, **new["parameters"]}
    client.update_deployment(there.id, DeploymentUpdate(**_arguments(new, changed)))


def _arguments(shape: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return fields as Prefect's client calls them."""
    called = {"schema": "parameter_openapi_schema", "pool": "work_pool_name"}
    called |= {"queue": "work_queue_name", "limit": "concurrency_limit"}
    return {called.get(name, name): shape[name] for name in names if name != "collisions"} | (
        {"concurrency_options": _options(shape)} if "collisions" in names else {}
    )


def _options(shape: Mapping[str, Any]) -> ConcurrencyOptions | None:
    collisions = shape["collisions"]
    return None if collisions is None else ConcurrencyOptions.model_validate(collisions)


def _shape(one: Deployable) -> dict[str, Any]:
    declared = one.declared
    limit = declared.concurrency_limit
    return {
        "description": declared.description,
        "entrypoint": declared.entrypoint,
        "tags": sorted({*declared.tags, MARK}),
        "parameters": declared.parameters,
        "pool": declared.work_pool.name,
        "queue": declared.work_pool.work_queue_name,
        "job_variables": declared.work_pool.job_variables,
        "limit": None if limit is None else limit.limit,
        "collisions": None if limit is None else limit.model_dump(exclude={"limit"}),
        "enforce_parameter_schema": declared.enforce_parameter_schema,
        "pull_steps": [],
        "schema": one.schema,
    }


def _shape_there(there: DeploymentResponse, one: Deployable) -> dict[str, Any]:
    limit, options = there.global_concurrency_limit, there.concurrency_options
    parameters = {k: v for k, v in there.parameters.items() if k not in one.left_open}
    return {
        "description": there.description or "",
        "entrypoint": there.entrypoint,
        "tags": sorted(there.tags),
        "parameters": parameters,
        "pool": there.work_pool_name,
        "queue": there.work_queue_name,
        "job_variables": there.job_variables,
        "limit": None if limit is None else limit.limit,
        "collisions": None if options is None else options.model_dump(mode="json"),
        "enforce_parameter_schema": there.enforce_parameter_schema,
        "pull_steps": there.pull_steps or [],
        "schema": there.parameter_openapi_schema or {},
    }
