"""``ltx upkeep``: a store without what nobody needs any more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from blocks.saved import DEFAULT
from deployments.cli.server import reach_server
from deployments.cli.watch import Terminal


def upkeep(
    store: Annotated[str, typer.Option(help="Saved LTX Media Store block.")] = DEFAULT,
    max_age_days: Annotated[
        float, typer.Option(min=0.01, help="Days since its last use that an outcome is kept.")
    ] = 90,
    max_size_gb: Annotated[
        float | None,
        typer.Option(min=0.001, help="Gigabytes that outcomes may have together.", metavar="GB"),
    ] = None,
    grace_hours: Annotated[
        float, typer.Option(min=1, help="Hours that what is out of use stays.")
    ] = 24,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove from a store what nobody has used for long, and the oldest of what is too much.

    Finished videos stay. What is out of use goes when this command runs after the grace.
    """
    terminal = Terminal(sys.stderr)
    reach_server()
    from flows import upkeep as flow  # noqa: PLC0415 - after the server is there

    cleaned = flow.upkeep(
        store=store,
        max_age_days=max_age_days,
        max_size_gb=max_size_gb,
        grace_hours=grace_hours,
        dry_run=dry_run,
    )
    terminal.say(flow.summary(cleaned))
    typer.echo(cleaned.model_dump_json())
