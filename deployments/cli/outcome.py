"""What a command prints when its run ends or waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import typer
from prefect.exceptions import Pause

from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.copy_out import copy_out
from deployments.cli.watch import Terminal
from ltxv.errors import Misconfigured
from ltxv.result import VideoResult
from tasks.ledger import watched_by


def run_to_outcome(go: Callable[[], Any], *, terminal: Terminal) -> tuple[VideoResult, ...]:
    """Run a flow and print what it returns, a line of JSON each; or its drafts, if it waits.

    Returns:
        The videos among it; none if the run waits, or if a worker goes on with it.
    """
    try:
        with watched_by(terminal):
            made = go()
    except Pause:
        _print_drafts(terminal)
        return ()
    if made is None:
        terminal.say("The workers of its pool go on with it.")
        return ()
    results = tuple(made) if isinstance(made, Sequence) else (made,)
    for result in results:
        typer.echo(result.model_dump_json())
    return tuple(result for result in results if isinstance(result, VideoResult))


def copy_results(
    results: tuple[VideoResult, ...], folder: Path, *, store: str | None, terminal: Terminal
) -> None:
    """Copy finished videos into a folder, under the names they were published by.

    Raises:
        Misconfigured: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"{folder} cannot be made: {error.strerror}") from error
    for result in results:
        target = folder / result.video.file_name
        copy_out(result, target, store=saved(MediaStore, store or DEFAULT))
        terminal.say(f"Wrote {target}")


def write_sheet(run: str, target: Path, *, terminal: Terminal) -> None:
    """Write the sheet of a run's drafts.

    Raises:
        Misconfigured: There is none, or the file cannot be written.
    """
    from deployments.drafts import sheet_of_drafts  # noqa: PLC0415 - heavy: flows

    picture = sheet_of_drafts(UUID(run))
    if picture is None:
        raise Misconfigured("the run has no sheet of its drafts; see its log")
    try:
        target.write_bytes(picture)
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written: {error.strerror}") from error
    terminal.say(f"Wrote {target}")


def _print_drafts(terminal: Terminal) -> None:
    from deployments.drafts import drafts_of  # noqa: PLC0415 - heavy: flows

    run = str(terminal.flow_run)
    lines = [line._asdict() for line in drafts_of(UUID(run))]
    typer.echo(json.dumps({"run": run, "drafts": lines}))
    numbers = " ".join(str(line["draft"]) for line in lines if line["preview"])
    terminal.say(f"Waits for a choice: ltx refine {run[:8]} NUMBER … (of {numbers})")
