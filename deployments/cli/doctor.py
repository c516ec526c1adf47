"""``ltx doctor``: whether this installation can make videos, and what to do where not."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from deployments.cli.watch import Terminal
from deployments.doctor import examine, examine_pool


def doctor(  # noqa: PLR0917 - typer reads the options off the signature
    model: Annotated[str, typer.Option(help="Model block or checkpoint to examine.")] = "default",
    store: Annotated[str, typer.Option(help="Store block to examine.")] = "default",
    safety: Annotated[str, typer.Option(help="Safety checker block to examine.")] = "default",
    expander: Annotated[str, typer.Option(help="Prompt expander to examine.")] = "default",
    credentials: Annotated[
        str, typer.Option(help="Content credentials block to examine.")
    ] = "default",
    pool: Annotated[
        str | None,
        typer.Option(help="Examine this work pool, and nothing else.", show_default=False),
    ] = None,
) -> None:
    """Check media tools, model, memory, store, safety, expander, keys, Prefect and versions.

    With --pool, check a work pool: whether it, its queues and deployments hand runs out, who takes
    them, what waits, and whether this machine's engines are ready.

    Every failure comes with what to do about it. The findings are JSON on stdout; the exit code
    is 1 if anything failed. Nothing is downloaded, and no weights of the video model are loaded.
    """
    terminal = Terminal(sys.stderr)
    findings = []
    house = examine(
        model=model, store=store, safety=safety, expander=expander, credentials=credentials
    )
    for finding in house if pool is None else examine_pool(pool):
        terminal.say(str(finding))
        findings.append(finding)
    ok = all(finding.state != "failed" for finding in findings)
    typer.echo(json.dumps({"ok": ok, "checks": [asdict(finding) for finding in findings]}))
    if not ok:
        raise typer.Exit(1)
