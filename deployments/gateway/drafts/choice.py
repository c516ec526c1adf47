"""What was chosen, given to the run that waits for it: once, however often it is sent.

Prefect keeps the choice with the run, so that a gateway that is started anew knows it as well.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import PrefectHTTPStatusError
from pydantic import BaseModel, ConfigDict, Field

from deployments.flow_runs import LET_GO_SECONDS
from deployments.gateway.failures import Failure
from flows.draft_choice import MOST_DRAFTS, DraftChoice
from ltxv.errors import Refused, Violation
from ltxv.request import VideoRequest, parse_request

_KEYS = "suspended-choice-"
_ANSWER = "-response"
_SETTINGS = ("second_pass_number_of_steps", "second_pass_skip_initial_steps")
_QUESTION_SECONDS = 5.0
"""A run is suspended a moment before its question is at the server."""


class Choice(BaseModel):
    """Which drafts are refined, and how."""

    model_config = ConfigDict(extra="forbid", strict=True)

    drafts: list[int] = Field(
        min_length=1, max_length=MOST_DRAFTS, description="Numbers of the drafts to refine."
    )
    second_pass_number_of_steps: int | None = Field(
        default=None, description="The request's if left out."
    )
    second_pass_skip_initial_steps: int | None = Field(
        default=None, description="The request's if left out."
    )

    def wanted_of(self, request: VideoRequest) -> dict[str, Any]:
        """Return the choice as the run takes it, with all settings.

        Args:
            request: What the drafts are of.
        """
        return _whole(self.model_dump(exclude_none=True), request)

    def check(self, request: VideoRequest, numbers: Sequence[int]) -> None:
        """Refuse what cannot be chosen.

        Args:
            request: What the drafts are of.
            numbers: Drafts that can be chosen.

        Raises:
            Refused: A number is none of them, or the settings do not fit together.
        """
        said = f"choose from {', '.join(map(str, numbers))}, each once"
        wrong = [
            Violation(loc=("drafts", place), msg=said, type="literal_error", input=number)
            for place, number in enumerate(self.drafts)
            if number not in numbers or number in self.drafts[:place]
        ]
        if wrong:
            raise Refused(*wrong)
        DraftChoice(**self.wanted_of(request)).applied_to(request)


def _whole(answer: Mapping[str, Any], request: VideoRequest) -> dict[str, Any]:
    return {**{name: getattr(request, name) for name in _SETTINGS}, **answer}


def request_of(run: FlowRun) -> VideoRequest:
    """Return what the drafts of a run are of."""
    return parse_request(run.parameters["request"])


async def chosen(run: FlowRun, prefect: PrefectClient) -> dict[str, Any] | None:
    """Return what was chosen for a run that does not wait for it; None if nothing was."""
    kept = await prefect.filter_flow_run_input(
        flow_run_id=run.id, key_prefix=_KEYS, limit=200, exclude_keys=set()
    )
    answers = [one.value for one in kept if one.key.endswith(_ANSWER)]
    return _whole(json.loads(answers[-1]), request_of(run)) if answers else None


async def let_go(run: FlowRun) -> None:
    """Wait until the worker that made the drafts has let go of the run."""
    if run.state is not None and run.work_pool_name is not None:
        age = (datetime.now(UTC) - run.state.timestamp).total_seconds()
        await asyncio.sleep(min(max(0.0, LET_GO_SECONDS - age), LET_GO_SECONDS))


async def resume(run: FlowRun, answer: Mapping[str, Any], prefect: PrefectClient) -> None:
    """Give a run that waits what was chosen; one that waits no more is left alone.

    Raises:
        Failure: The run does not take it.
    """
    until = asyncio.get_running_loop().time() + _QUESTION_SECONDS
    while (reason := await _refusal(run.id, answer, prefect)) is not None:
        if "schema not found" not in reason or asyncio.get_running_loop().time() > until:
            said = f"the choice is not accepted: {reason}"
            raise Failure.of_request(("drafts",), said, type="value_error")
        await asyncio.sleep(0.5)


async def _refusal(run: UUID, answer: Mapping[str, Any], prefect: PrefectClient) -> str | None:
    """Resume a run, and return why it does not take the answer; None if it does, or waits no more.

    Raises:
        PrefectHTTPStatusError: The server fails.
    """
    try:
        done = await prefect.resume_flow_run(run, run_input=dict(answer))
    except PrefectHTTPStatusError as error:
        if error.response.status_code == 409:  # noqa: PLR2004 - somebody else's was first
            return None
        raise
    if done.status != SetStateStatus.REJECT:
        return None
    return str(getattr(done.details, "reason", None) or "it is not among those to choose from")
