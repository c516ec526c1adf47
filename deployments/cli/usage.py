"""``ltx usage``: what the GPUs were used for, and what it cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deployments.cli.server import reach_server
from deployments.cli.watch import Terminal
from ltxv.plain_text import one_line

if TYPE_CHECKING:
    from deployments.usage import Line, UsageReport

_LONGEST_NAME = 60
_COLUMNS = ("runs", "failed", "videos", "GPU seconds", "a video", "cost")


def usage(
    days: Annotated[float, typer.Option(min=0.001, help="Runs that began in the last DAYS.")] = 7,
    by: Annotated[
        Literal["deployment", "tag", "day"],
        typer.Option(help="What makes a line. A run with several tags is in each of their lines."),
    ] = "deployment",
    gpu_hour_price: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="What an hour of a GPU costs; the price that the runs' model blocks had if left "
            "out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Add up runs, videos, GPU seconds and their cost.

    GPU seconds are those that an engine worked, tries that failed included, waiting excluded. A
    table is shown on stderr; the same is JSON on stdout.

    \b
    ltx usage --days 30 --by day
    ltx usage --by tag --gpu-hour-price 2.49
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    from deployments.usage import usage_report  # noqa: PLC0415 - heavy: flows

    terminal = Terminal(sys.stderr)
    reach_server()
    report = usage_report(days=days, by=by, hour_price=gpu_hour_price)
    for line in _table(report):
        terminal.say(line)
    typer.echo(json.dumps(report.as_json(), ensure_ascii=False))


def _table(report: UsageReport) -> Iterator[str]:
    rows = [(report.by, *_COLUMNS), *(_row(line) for line in (*report.lines, report.total))]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        yield _aligned(row, widths)


def _row(line: Line) -> tuple[str, ...]:
    each = f"{line.gpu_seconds / line.videos:.1f}" if line.videos else "-"
    cost = "-" if line.cost is None else f"{line.cost:.2f}"
    name = one_line(line.name, most=_LONGEST_NAME)
    counts = (str(line.runs), str(line.failed), str(line.videos))
    return (name, *counts, f"{line.gpu_seconds:.1f}", each, cost)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = [part.rjust(width) for part, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *numbers])
