"""``ltx batch``: a manifest of requests becomes videos, and again only what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from blocks.manifest_source import is_relative
from blocks.media_store.place import anywhere
from blocks.saved import DEFAULT
from deployments.cli.options import Credentials, Expander, Model, Safety, Store
from deployments.cli.server import reach_server_aloud
from ltxv.batch_result import BatchResult
from ltxv.media.write import VideoQuality
from ltxv.plain_text import one_line
from ltxv.row_record import RowRecord

_LONGEST_LINE = 2000


def batch(  # noqa: PLR0917 - typer reads the options off the signature
    manifest: Annotated[
        str,
        typer.Argument(
            metavar="MANIFEST",
            help="JSON Lines or CSV, one request with an id a row: a file or a URL.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder or .jsonl file for the results, a path or a URL; in the store, named "
            "like the manifest, if left out.",
            metavar="PLACE",
            show_default=False,
        ),
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option(
            help="Run the rows by this deployment, such as generate-video/gpu, instead of here.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Rows at a time.")] = 4,
    max_rows: Annotated[int, typer.Option(min=1, help="Refuse a manifest with more.")] = 1000,
    max_gpu_seconds: Annotated[
        float, typer.Option(min=1, help="Refuse what is estimated to cost more, on an H200.")
    ] = 8 * 3600,
    model: Model = DEFAULT,
    store: Store = DEFAULT,
    safety: Safety = DEFAULT,
    credentials: Credentials = DEFAULT,
    expander: Expander = DEFAULT,
    quality: Annotated[VideoQuality, typer.Option(help="How much detail the mp4s keep.")] = "high",
) -> None:
    """Make a video for each row of a manifest, and only those that are missing or changed.

    A line for each row goes to stderr, the counts as one line of JSON to stdout. Exit code 1 if
    a row failed. Run it again to go on after a crash or a correction: what is finished is kept.

    \b
    ltx batch night.jsonl
    ltx batch night.csv --output s3://my-bucket/results/night
    ltx batch s3://my-bucket/night.csv --deployment generate-video/gpu --concurrency 16
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    watcher = _Lines()
    reach_server_aloud(watcher.say)
    from flows.batch import generate_batch  # noqa: PLC0415 - after the first line is shown
    from flows.batch_watch import batches_watched_by  # noqa: PLC0415

    with anywhere(), batches_watched_by(watcher):
        result = generate_batch(
            _absolute(manifest),
            output=None if output is None else _absolute(output),
            deployment=deployment,
            concurrency=concurrency,
            max_rows=max_rows,
            max_gpu_seconds=max_gpu_seconds,
            model=model,
            store=store,
            safety=safety,
            quality=quality,
            credentials=credentials,
            expander=expander,
        )
    typer.echo(result.model_dump_json())
    if result.failed or result.not_run:
        _say_failed(result)
        raise typer.Exit(1)


def _absolute(place: str) -> str:
    """Return a path as the flow takes it: it has no current folder."""
    return str(Path(place).expanduser().absolute()) if is_relative(place) else place


def _say_failed(result: BatchResult) -> None:
    named = [failure.id or f"line {failure.line}" for failure in result.failures]
    line = (
        f"ltx: {result.failed} of {result.rows} rows failed: {', '.join(named[:20])}"
        f"{' …' if len(named) > 20 else ''}; see {result.results}"  # noqa: PLR2004
    )
    print(one_line(line, most=_LONGEST_LINE), file=sys.stderr)


class _Lines:
    """Write a line for each row."""

    def say(self, line: str) -> None:
        """Write a line; texts of the manifest in it cannot pass for another."""
        print(one_line(line, most=_LONGEST_LINE), file=sys.stderr, flush=True)

    def checked(self, rows: int, *, kept: int, failed: int, to_run: int) -> None:
        """Say what there is to do."""
        self.say(f"{rows} rows: {to_run} to make, {kept} made before, {failed} wrong")

    def refused(self, record: RowRecord) -> None:
        """Say what is wrong with a row."""
        self.say(f"line {record.line} {record.id}: failed: {record.problem()}")

    def ended(self, record: RowRecord, *, number: int, of: int) -> None:
        """Say what became of a row."""
        outcome = f"{record.seconds:.1f} s" if record.state == "done" else record.problem()
        self.say(f"[{number}/{of}] line {record.line} {record.id}: {record.state}: {outcome}")
