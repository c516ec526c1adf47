"""What runs used of the GPUs, added up by deployment, tag or day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from flows.accounts import COST, GPU_SECONDS, VIDEOS, label

By = Literal["deployment", "tag", "day"]

_FLOWS = ("generate-video", "draft-videos", "sweep-settings")
_NONE = "(none)"
_HOUR = 3600
_PAGE = 200


@dataclass
class Line:
    """What some runs used together."""

    name: str
    runs: int = 0
    failed: int = 0
    videos: int = 0
    gpu_seconds: float = 0.0
    cost: float | None = None

    def add(self, run: FlowRun, *, hour_price: float | None) -> None:
        """Count a run."""
        self.runs += 1
        self.failed += _failed(run)
        self.videos += int(label(run.labels, VIDEOS))
        seconds = label(run.labels, GPU_SECONDS)
        self.gpu_seconds = round(self.gpu_seconds + seconds, 3)
        cost = seconds * hour_price / _HOUR if hour_price is not None else run.labels.get(COST)
        if isinstance(cost, int | float):
            self.cost = round((self.cost or 0.0) + cost, 6)


@dataclass
class UsageReport:
    """Lines of what runs used, and what all of them used."""

    since: datetime
    by: By
    lines: Sequence[Line]
    total: Line = field(default_factory=lambda: Line("total"))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "since": self.since.isoformat(),
            "by": self.by,
            "lines": [vars(line) for line in self.lines],
            "total": vars(self.total),
        }


def usage_report(*, days: float, by: By, hour_price: float | None) -> UsageReport:
    """Add up what the runs used that began in the last ``days``.

    Args:
        days: How far back.
        by: What makes a line. A run with several tags counts in each of their lines.
        hour_price: What an hour of a GPU costs; each run's own price where it is None.
    """
    since = datetime.now(UTC) - timedelta(days=days)
    lines: dict[str, Line] = {}
    total = Line("total")
    with get_client(sync_client=True) as client:
        runs = list(_runs_since(since, client))
        names = _deployments(runs, client) if by == "deployment" else {}
    for run in runs:
        total.add(run, hour_price=hour_price)
        for name in _names(run, by, names):
            lines.setdefault(name, Line(name)).add(run, hour_price=hour_price)
    in_order = sorted(lines.values(), key=lambda line: line.name)
    if by != "day":
        in_order.sort(key=lambda line: -line.gpu_seconds)
    return UsageReport(since=since, by=by, lines=in_order, total=total)


def _runs_since(since: datetime, client: SyncPrefectClient) -> Iterator[FlowRun]:
    seen: set[UUID] = set()
    offset = 0
    while page := client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(_FLOWS))),
        flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(after_=since)),
        sort=FlowRunSort.START_TIME_ASC,
        limit=_PAGE,
        offset=offset,
    ):
        offset += len(page)
        for run in page:
            if run.id not in seen:
                seen.add(run.id)
                yield run


def _deployments(runs: Sequence[FlowRun], client: SyncPrefectClient) -> dict[UUID, str]:
    """Return the full names of the deployments of some runs."""
    ids = sorted({run.deployment_id for run in runs if run.deployment_id is not None})
    names: dict[UUID, str] = {}
    flows = {run.deployment_id: run.flow_id for run in runs}
    for start in range(0, len(ids), _PAGE):
        wanted = DeploymentFilter(id=DeploymentFilterId(any_=ids[start : start + _PAGE]))
        for found in client.read_deployments(deployment_filter=wanted, limit=_PAGE):
            flow = client.read_flow(flows[found.id] or found.flow_id)
            names[found.id] = f"{flow.name}/{found.name}"
    return names


def _names(run: FlowRun, by: By, deployments: dict[UUID, str]) -> Sequence[str]:
    if by == "tag":
        return run.tags or [_NONE]
    if by == "day":
        began = run.start_time or run.expected_start_time
        return [_NONE if began is None else began.astimezone(UTC).date().isoformat()]
    if run.deployment_id is None:
        return [_NONE]
    return [deployments.get(run.deployment_id, "(removed)")]


def _failed(run: FlowRun) -> bool:
    return run.state is not None and (run.state.is_failed() or run.state.is_crashed())
