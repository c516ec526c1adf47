"""``ltx resume``: a run whose process is gone goes on from its last finished stage."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from blocks.media_store import MediaStore
from blocks.media_store.place import anywhere
from blocks.saved import DEFAULT, saved
from deployments.cli.copy_out import checked_target, copy_out
from deployments.cli.options import Output
from deployments.cli.outcome import run_to_outcome
from deployments.cli.server import reach_server
from deployments.cli.watch import Terminal


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="Id of the flow run, or its start; without one, those that can be resumed are "
            "listed.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
) -> None:
    """Go on with a run that failed, crashed or was killed.

    It keeps its id, its seed and every stage that it finished, and ends with the same pixels as
    if nothing had happened. A pass that was under way begins anew.

    \b
    ltx resume
    ltx resume 0c1f -o out.mp4
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    target = None if output is None else checked_target(output)
    terminal = Terminal()
    reach_server()
    if run is None:
        _list(terminal)
        return
    from deployments.flow_runs import continue_run, find_run  # noqa: PLC0415 - heavy: flows

    found = find_run(run)
    with anywhere():  # a batch that this machine's user started may name files of it
        results = run_to_outcome(lambda: continue_run(found), terminal=terminal)
    if target is not None and len(results) == 1:
        copy_out(
            results[0], target, store=saved(MediaStore, found.parameters.get("store", DEFAULT))
        )
        terminal.say(f"Wrote {target}")


def _list(terminal: Terminal) -> None:
    from deployments.flow_runs import unfinished_runs  # noqa: PLC0415 - heavy: flows

    runs = unfinished_runs()
    if not runs:
        terminal.say("No run can be resumed.")
    for run in runs:
        state = run.state.name if run.state else "never started"
        began = run.start_time.isoformat(timespec="seconds") if run.start_time else None
        line = {"run": str(run.id), "name": run.name, "state": state, "started": began}
        typer.echo(json.dumps(line, ensure_ascii=False))
