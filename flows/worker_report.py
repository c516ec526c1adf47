"""What a run tells the worker that started it, which counts it for its metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow

from blocks.worker import tell_worker
from ltxv.errors import LTXError, Refused
from ltxv.result import StageRecord

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def report_part(stages: Sequence[StageRecord], *, videos: int) -> None:
    """Tell the worker, if there is one, what a part of a run did."""
    told = [stage.model_dump(mode="json") for stage in stages if stage.state != "skipped"]
    tell_worker("/parts", {"stages": told, "videos": videos})


def report_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Tell the worker that a run failed: a hook of the flows.

    None for crashes and cancelled runs: their hooks are called by the Prefect worker, which would
    load the flows for it, and keep the run's slot meanwhile.
    """
    error = state.result(raise_on_failure=False)
    kind = type(error).__name__ if isinstance(error, LTXError) else "InternalError"
    told = {"kind": _WORD.sub("_", kind).lower()}
    if isinstance(error, Refused):
        told["type"] = error.violations[0].type
    tell_worker("/failures", told)
