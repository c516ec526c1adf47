"""``ltx refine``: the second pass for the drafts that were chosen."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deployments.cli.options import OutputFolder, settings_option
from deployments.cli.outcome import copy_results, run_to_outcome
from deployments.cli.server import reach_server
from deployments.cli.typed_request import settings_of
from deployments.cli.watch import Terminal
from ltxv.errors import Refused

_SETTINGS = ("second_pass_number_of_steps", "second_pass_skip_initial_steps")


def refine(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Id of the run of `ltx draft`, or its start.")
    ],
    drafts: Annotated[
        list[int], typer.Argument(metavar="NUMBER…", help="Drafts to refine.", min=1)
    ],
    setting: Annotated[
        list[str] | None,
        settings_option(f"Setting of the second pass: {' or '.join(_SETTINGS)}."),
    ] = None,
    output: OutputFolder = None,
) -> None:
    """Refine some of the drafts that `ltx draft` made, from their saved latents.

    Each result is a line of JSON on stdout, in the order of the numbers.

    \b
    ltx refine 0c1f 2 4 -o clips
    ltx refine 0c1f 2 --set second_pass_skip_initial_steps=4
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    settings = settings_of(setting or [])
    unknown = sorted(set(settings) - set(_SETTINGS))
    if unknown:
        known = " and ".join(_SETTINGS)
        raise typer.BadParameter(
            f"{unknown[0]} is decided by the draft; only {known} can be changed",
            param_hint="--set",
        )
    terminal = Terminal()
    reach_server()
    from deployments.drafts import drafts_of  # noqa: PLC0415 - heavy: flows
    from deployments.flow_runs import find_run, flow_name, resume_with  # noqa: PLC0415

    found = find_run(run)
    if flow_name(found) != "draft-videos":
        raise _refused(run, "it is no run of `ltx draft`")
    if found.state is not None and found.state.is_completed():
        raise _refused(
            run,
            "its choice was made; `ltx generate` with the seed of another draft refines that one "
            "from the same first pass",
        )
    there = [line.draft for line in drafts_of(found.id) if line.preview]
    missing = sorted(set(drafts) - set(there))
    waits = found.state is not None and found.state.is_paused()
    if missing and waits:
        numbers = ", ".join(map(str, there))
        raise _refused(missing[0], f"there is no such draft to refine; choose from {numbers}")
    answer: dict[str, Any] = {**settings, "drafts": drafts}
    results = run_to_outcome(lambda: resume_with(found, answer), terminal=terminal)
    if output is not None:
        copy_results(results, output, store=found.parameters.get("store"), terminal=terminal)


def _refused(value: str | int, said: str) -> Refused:
    return Refused.because((str(value),), said, type="value_error", input=value)
