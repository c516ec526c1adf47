"""``ltx sweep``: one request under many settings."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.copy_out import checked_target, copy_file
from deployments.cli.options import (
    Credentials,
    Expander,
    Model,
    NeededRequestFile,
    OutputFolder,
    Safety,
    Sheet,
    Store,
    settings_option,
)
from deployments.cli.outcome import copy_results
from deployments.cli.request_file import read_request
from deployments.cli.server import reach_server_aloud
from deployments.cli.typed_request import folder_of, merged
from deployments.cli.watch import Terminal
from ltxv.errors import Refused
from ltxv.grid import grid_cells
from ltxv.request import parse_request
from ltxv.unsupported import refuse_unsupported
from tasks.ledger import watched_by


def sweep(  # noqa: PLR0917 - typer reads the options off the signature
    request_file: NeededRequestFile,
    vary: Annotated[
        list[str],
        typer.Option(
            help="A field and its values, as often as needed: seed=1,2,3 or loras.0.scale=[0.5,1].",
            metavar="FIELD=VALUES",
        ),
    ],
    setting: Annotated[
        list[str] | None,
        settings_option("Any field that all videos share, as often as needed."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many stages would run, and stop there.")
    ] = False,
    sheet: Sheet = None,
    output: OutputFolder = None,
    model: Model = DEFAULT,
    store: Store = DEFAULT,
    safety: Safety = DEFAULT,
    credentials: Credentials = DEFAULT,
    expander: Expander = DEFAULT,
) -> None:
    """Make a video for every combination of some settings; shared stages run once.

    The result is one line of JSON on stdout, with the addresses of a labelled sheet and a table.

    \b
    ltx sweep request.json --vary seed=1,2,3 --vary constant_rate_factor=20,35 --dry-run
    ltx sweep request.json --vary loras.0.scale=0.5,1,1.5 --sheet scales.jpg -o clips
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    request = parse_request(merged(read_request(request_file), {}, setting or []))
    refuse_unsupported(request)
    grid = dict(_values(text) for text in vary)
    grid_cells(request, grid)
    target = None if sheet is None else checked_target(sheet)
    terminal = Terminal()
    reach_server_aloud(terminal.say)
    from flows.sweep import sweep_settings  # noqa: PLC0415 - after the first line is shown

    kept = saved(MediaStore, store)
    request = with_local_media(request, kept, beside=folder_of(request_file))
    with watched_by(terminal):
        made = sweep_settings(
            request,
            grid,
            dry_run=dry_run,
            model=model,
            store=store,
            safety=safety,
            credentials=credentials,
            expander=expander,
        )
    typer.echo(made.plan.model_dump_json() if dry_run else made.model_dump_json())
    if target is not None and made.sheet is not None:
        copy_file(made.sheet, target, store=kept)
        terminal.say(f"Wrote {target}")
    if output is not None:
        results = tuple(cell.result for cell in made.cells if cell.result is not None)
        copy_results(results, output, store=store, terminal=terminal)
    refused = [cell for cell in made.cells if cell.error is not None]
    if refused:
        raise Refused.because(
            ("grid",),
            f"{len(refused)} of {len(made.cells)} videos were refused; the table says why",
            type="value_error",
        )


def _values(text: str) -> tuple[str, list[Any]]:
    """Return field and values of FIELD=A,B,C or FIELD=[JSON]; what is no JSON is text."""
    field, equals, values = text.partition("=")
    if not equals or not field or not values:
        raise typer.BadParameter(f"{text!r} is not FIELD=VALUES", param_hint="--vary")
    if values.startswith("["):
        try:
            listed: list[Any] = json.loads(values)
        except (ValueError, RecursionError) as error:
            raise typer.BadParameter(f"{values!r} is no JSON list", param_hint="--vary") from error
        return field, listed
    return field, [_value(part) for part in values.split(",")]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
