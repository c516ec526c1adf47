"""What a person is asked once the drafts can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Literal

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.runtime import deployment
from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from ltxv.errors import Misconfigured, Refused
from ltxv.request import VideoRequest, parse_request

MOST_DRAFTS = 16
"""How many drafts a run makes at most."""


class DraftChoice(RunInput):
    """Which drafts go on to the second pass, and how."""

    drafts: list[int] = Field(min_length=1, description="Numbers of the drafts to refine.")
    second_pass_number_of_steps: int = Field(
        default=8,
        title="Second pass: steps",
        description="The second pass adds detail at twice the draft's width and height.",
    )
    second_pass_skip_initial_steps: int = Field(
        default=5,
        title="Second pass: initial steps left out",
        description="The fewer are left out, the more it changes the draft.",
    )

    def applied_to(self, request: VideoRequest) -> VideoRequest:
        """Return the request with these second-pass settings.

        Raises:
            Refused: They do not fit together.
        """
        settings = self.model_dump(exclude={"drafts"})
        return parse_request({**request.model_dump(mode="json"), **settings})


def refuse_without_deployment() -> None:
    """Refuse to make drafts that nobody could choose from.

    Raises:
        Misconfigured: The run cannot be suspended.
    """
    if deployment.get_id() is None:
        raise Misconfigured(
            "drafts wait for a choice without a process, and Prefect can only do that for runs of "
            "a deployment; use `ltx draft`, or run a deployment of draft-videos"
        )


def ask_which(numbers: Sequence[int], request: VideoRequest) -> DraftChoice:
    """Suspend the flow run until drafts were chosen; return the choice once it is resumed.

    The process ends meanwhile. A choice whose settings do not fit together is asked for again.

    Args:
        numbers: Drafts that can be chosen.
        request: What was asked, for the defaults of the second pass.
    """
    asked, said = 1, "Choose the drafts to refine; they are among the run's artifacts."
    while True:
        form = _form(numbers, request, said)
        choice = suspend_flow_run(wait_for_input=form, key=f"choice-{asked}")
        try:
            choice.applied_to(request)
        except Refused as refused:
            get_run_logger().warning("the choice is not used: %s", refused)
            asked, said = asked + 1, f"That did not fit: {refused}"
        else:
            return choice


def _form(numbers: Sequence[int], request: VideoRequest, said: str) -> type[DraftChoice]:
    """Return the choice with the numbers there are, which the server holds answers to."""
    one: Any = Literal[tuple(numbers)]
    # Of a single number pydantic makes no choice, and the UI would show no drop-down.
    among = {"items": {"type": "integer", "enum": list(numbers)}, "uniqueItems": True}
    settings = ("second_pass_number_of_steps", "second_pass_skip_initial_steps")
    fields: dict[str, Any] = {
        "drafts": (list[one], _changed("drafts", json_schema_extra=among)),
        **{name: (int, _changed(name, default=getattr(request, name))) for name in settings},
    }
    return create_model("DraftChoice", __base__=DraftChoice, **fields).with_initial_data(said)


def _changed(name: str, **changes: Any) -> FieldInfo:
    """Return what is known of a field, with changes."""
    info = copy(DraftChoice.model_fields[name])
    for what, value in changes.items():
        setattr(info, what, value)
    return info
