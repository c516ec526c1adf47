"""The commands, and how their errors end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from deployments.cli.demo import demo
from deployments.cli.doctor import doctor
from deployments.cli.generate import generate
from deployments.cli.inspect_clip import inspect_clip
from deployments.cli.plan import plan
from deployments.cli.resume import resume
from ltxv import __version__
from ltxv.errors import LTXError, Refused

_INTERRUPTED = 130

_PREFECT = {
    # Its console would repeat what the terminal shows; its server still gets every line.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # A first start makes a database, which takes longer than the default 20 seconds on a busy
    # machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

app = typer.Typer(
    name="ltx",
    help="Generate videos with LTX-Video's two passes, as Prefect flows on your own GPUs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(generate)
app.command()(plan)
app.command()(resume)
app.command("inspect")(inspect_clip)
app.command()(demo)
app.command()(doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ltx-flows {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run ``ltx``; an error raised on purpose is a line on stderr and exit code 1."""
    for name, value in _PREFECT.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except LTXError as error:
        for line in _lines(error):
            print(f"ltx: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_stopped())
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _stopped()
        raise


def _stopped() -> int:
    print("ltx: stopped; what was finished is kept and used again", file=sys.stderr)
    return _INTERRUPTED


def _lines(error: LTXError) -> Sequence[str]:
    if isinstance(error, Refused):
        return [str(violation) for violation in error.violations]
    return [str(error)]
