"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def option(help: str, *names: str, **more: Any) -> Any:
    """Return an option that is left out unless given."""
    return typer.Option(*names, help=help, show_default=False, **more)


def settings_option(help: str) -> Any:
    """Return ``--set``."""
    return option(help, "--set", metavar="FIELD=VALUE")


RequestFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[REQUEST.json]",
        help="Request as JSON; - reads standard input. Options change what it says.",
        show_default=False,
    ),
]
NeededRequestFile = Annotated[
    Path,
    typer.Argument(metavar="REQUEST.json", help="Request as JSON; - reads standard input."),
]
Items = Annotated[
    list[str] | None,
    option("PATH_OR_URL[@START_FRAME[:STRENGTH]], as often as needed.", metavar="ITEM"),
]
Settings = Annotated[
    list[str] | None, settings_option("Any other field of the request, as often as needed.")
]
Output = Annotated[
    Path | None, option("Copy the finished mp4 to this file.", "--output", "-o", metavar="FILE")
]
OutputFolder = Annotated[
    Path | None,
    option("Copy the finished mp4s into this folder.", "--output", "-o", metavar="FOLDER"),
]
Sheet = Annotated[
    Path | None,
    option("Write a picture with all of them, JPEG, to this file.", metavar="FILE"),
]
Model = Annotated[
    str, typer.Option(help="Saved LTX Model block, or a named checkpoint such as tiny.")
]
Store = Annotated[str, typer.Option(help="Saved LTX Media Store block.")]
Credentials = Annotated[str, typer.Option(help="Saved LTX Content Credentials block.")]
Expander = Annotated[
    str, typer.Option(help="Saved LTX Prompt Expander block, or embedded for a tiny built-in one.")
]
Safety = Annotated[str, typer.Option(help="Saved LTX Safety Checker block.")]
