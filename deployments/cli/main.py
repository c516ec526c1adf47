"""The commands, and how their errors end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from deployments.cli.batch import batch
from deployments.cli.demo import demo
from deployments.cli.deploy import deploy
from deployments.cli.doctor import doctor
from deployments.cli.draft import draft
from deployments.cli.engine import engine
from deployments.cli.gateway import gateway
from deployments.cli.generate import generate
from deployments.cli.inspect_clip import inspect_clip
from deployments.cli.keys import keys
from deployments.cli.metrics import metrics
from deployments.cli.plan import plan
from deployments.cli.prefetch import prefetch
from deployments.cli.refine import refine
from deployments.cli.remote import LeftRunning, with_default_deployment
from deployments.cli.resume import resume
from deployments.cli.sweep import sweep
from deployments.cli.upkeep import upkeep
from deployments.cli.usage import usage
from deployments.cli.worker import worker
from ltxv import __version__
from ltxv.errors import LTXError, Refused

_INTERRUPTED = 130

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
app.command()(draft)
app.command()(refine)
app.command()(sweep)
app.command()(resume)
app.command()(batch)
app.command("inspect")(inspect_clip)
app.command()(deploy)
app.command()(demo)
app.command()(doctor)
app.command()(engine)
app.command()(metrics)
app.command()(prefetch)
app.add_typer(keys, name="keys")
app.command()(gateway)
app.command()(upkeep)
app.command()(usage)
app.command()(worker)


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


def run_command() -> None:
    """Run ``ltx``; an error raised on purpose is a line on stderr and exit code 1."""
    try:
        app(with_default_deployment(sys.argv[1:]))
    except LTXError as error:
        for line in _lines(error):
            print(f"ltx: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_stopped())
    except LeftRunning:
        raise
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
