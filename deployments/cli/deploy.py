"""``ltx deploy``: pools, queues, deployments, schedules and automations, as the files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from prefect.client.orchestration import get_client

from deployments.cli.server import reach_server
from deployments.cli.watch import Terminal
from deployments.rollout.declared import FILES, read_declared
from deployments.rollout.roll_out import find_changes, make
from ltxv.plain_text import one_line

_LONGEST = 2000


def deploy(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Also remove what `ltx deploy` made and the files dropped."),
    ] = False,
    file: Annotated[
        Path,
        typer.Option(
            help="The deployments; `pools.yaml` is read from the same folder.",
            metavar="PREFECT.YAML",
            show_default="those of the installation",
        ),
    ] = FILES,
) -> None:
    """Make the Prefect server as the files say; what is right already is left alone.

    Each change is shown on stderr (+ added, ~ changed, - no longer in the files) and listed in
    the line of JSON on stdout. A deployment that is paused, a schedule that is switched off and
    an automation that is disabled at the server stay so.

    \b
    ltx deploy --dry-run
    ltx deploy
    ltx deploy --prune --file studio/prefect.yaml
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    declared = read_declared(file)
    terminal = Terminal()
    reach_server()
    with get_client(sync_client=True) as client:
        changes = find_changes(declared, client)
        done = []
        for change in changes.wanted:
            if not dry_run:
                make(change)
            _show(terminal, str(change))
            done.append({**change.as_json(), "done": not dry_run})
        for change in changes.dropped:
            remove = prune and not dry_run
            if remove:
                make(change)
            _show(terminal, f"{change}{'' if prune else ' (kept; --prune removes it)'}")
            done.append({**change.as_json(), "done": remove})
    terminal.say(_summary(len(changes.wanted), dry_run=dry_run))
    typer.echo(json.dumps({"changes": done}, ensure_ascii=False))


def _show(terminal: Terminal, text: str) -> None:
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        terminal.say(f"{indent}{one_line(line, most=_LONGEST)}")


def _summary(count: int, *, dry_run: bool) -> str:
    if count == 0:
        return "Nothing to change; the server is as the files say."
    return f"{count} to change; nothing was changed." if dry_run else f"{count} changed."
