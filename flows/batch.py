"""A manifest of requests in, a video and a line of results for each out."""

# Annotations are not postponed here: `serve` sends a flow to its processes by value, and names in
# texts would not be sent along.

import hashlib
import time
from contextlib import suppress
from pathlib import PurePosixPath
from threading import Event
from typing import Annotated
from urllib.parse import urlsplit

from prefect import flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from pydantic import Field

from blocks.manifest_source import open_manifest
from blocks.results_manifest import open_results
from blocks.saved import DEFAULT
from flows.batch_book import Book, Manifest
from flows.batch_page import report_batch
from flows.batch_row import BatchRow, Foreman
from flows.batch_watch import batch_watcher
from flows.crew import work_off
from flows.equipment import Equipment, equipment
from flows.plain_errors import log_errors_plainly
from flows.row_run import Runs, RunsHere, RunsOf, record_of, run_row
from flows.row_turn import turn
from ltxv.batch_result import BatchResult
from ltxv.errors import LTXError, Refused
from ltxv.manifest import read_manifest
from ltxv.media.write import VideoQuality
from ltxv.row_record import RowRecord


def _name_of_run() -> str:
    """Name a run by its manifest's file; an address may have a signature in it."""
    return _file_of(str(flow_run.get_parameters().get("manifest", ""))) or "batch"


@flow(name="generate-batch", flow_run_name=_name_of_run)
def generate_batch(  # noqa: PLR0917 - the fields of the run form
    manifest: str,
    output: str | None = None,
    deployment: str | None = None,
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4,
    max_rows: Annotated[int, Field(ge=1)] = 1000,
    max_gpu_seconds: Annotated[float, Field(gt=0)] = 8 * 3600,
    model: str = DEFAULT,
    store: str = DEFAULT,
    safety: str = DEFAULT,
    quality: VideoQuality = "high",
    credentials: str = DEFAULT,
    expander: str = DEFAULT,
) -> BatchResult:
    """Make a video for each row of a manifest, and only those that are missing or changed.

    A row that cannot be made is reported and stops no other. What is finished is written down at
    once, so that the same batch, run again, goes on where this one ended.

    Args:
        manifest: JSON Lines or CSV, one request with an `id` a row: an address in the store or in
            one of its `places`, http(s) URL or data URI. Media may be named relative to it.
        output: Where the results go: a folder, or a file that ends in `.jsonl`, in the store's
            `outputs/` or one of its `places`; in the store, named like the manifest, if left out.
        deployment: Deployment of generate-video that runs the rows, such as `generate-video/gpu`;
            they run in this process if left out.
        concurrency: How many rows run at a time.
        max_rows: A manifest with more is refused.
        max_gpu_seconds: A batch that is estimated to cost more, in seconds of an H200, is refused.
        model: Name of the saved LTX Model block that runs, or of a checkpoint such as tiny.
        store: Name of the saved LTX Media Store block that keeps everything.
        safety: Name of the saved LTX Safety Checker block that judges prompts and frames.
        quality: How much detail the mp4s' encoder keeps; low, medium, high or maximum.
        credentials: Name of the saved LTX Content Credentials block that signs the mp4s.
        expander: Name of the saved LTX Prompt Expander block that writes prompts out, for rows
            that ask for it.

    Returns:
        Counts, failures, and the address of the results manifest.

    Raises:
        Refused: The manifest cannot be read or is over a limit.
        Transient: The store, or the results' place, cannot be reached.
        Misconfigured: The same, for good; or rows fail by what needs the operator.
    """
    log_errors_plainly()
    began = time.monotonic()
    names = {
        "model": model,
        "store": store,
        "safety": safety,
        "credentials": credentials,
        "expander": expander,
    }
    use = equipment(**names)
    stop = Event()
    parameters = {**names, "quality": quality}
    runs: Runs = (
        RunsHere(parameters, stop)
        if deployment is None
        else RunsOf(deployment, parameters, use.store, stop)
    )
    read, book = _opened(manifest, output, use=use, quality=quality, max_rows=max_rows)
    _refuse_too_costly(book, max_gpu_seconds)

    def make(row: BatchRow) -> RowRecord:
        made = None
        try:
            with turn(row, use.store, finished=lambda: book.finished(row), stop=stop) as found:
                if found is not None:
                    return found
                made = run_row(row, runs, use.store)
                book.keep(made)
                return made
        except Exception as error:
            if made is not None:  # and cannot be noted: the next rows could not be either
                raise
            return record_of(row, error)

    book.close()  # before anything is paid for, see that results can be written
    try:
        work_off(book.to_run, make, at_once=concurrency, enter=book.enter, stop=stop)
    except BaseException:
        with suppress(LTXError):  # what ended the batch is what is told
            book.close()
        raise
    else:
        book.close()
    finally:
        result = book.result(read, seconds=time.monotonic() - began)
        report_batch(result, book, store=use.store)
    return result


def _opened(
    manifest: str, output: str | None, *, use: Equipment, quality: VideoQuality, max_rows: int
) -> tuple[Manifest, Book]:
    """Read the manifest, once, make every row ready, and look for what is finished."""
    source = open_manifest(manifest, use.store)
    content = source.content()
    results = open_results(output, manifest, use.store)
    rows = read_manifest(content, name=_file_of(manifest))
    if len(rows) > max_rows:
        raise Refused.because(
            ("max_rows",),
            f"the manifest has {len(rows)} rows, more than {max_rows}; split it, or raise max_rows",
            type="less_than_equal",
            input=len(rows),
            le=max_rows,
        )
    foreman = Foreman(source=source, use=use, quality=quality, batch=results.address)
    book = Book([foreman.ready(row) for row in rows], results)
    _tell(book)
    return Manifest(manifest, hashlib.sha256(content).hexdigest()), book


def _file_of(manifest: str) -> str:
    return "" if manifest.startswith("data:") else PurePosixPath(urlsplit(manifest).path).name


def _refuse_too_costly(book: Book, limit: float) -> None:
    cost = sum(row.gpu_seconds for row in book.to_run)
    if cost > limit:
        raise Refused.because(
            ("max_gpu_seconds",),
            f"the {len(book.to_run)} rows to be made are estimated to cost {cost:.0f} seconds of "
            f"an H200, more than {limit:.0f}; split the manifest, ask for less, or raise "
            "max_gpu_seconds",
            type="less_than_equal",
            input=round(cost),
            le=limit,
        )


def _tell(book: Book) -> None:
    rows, to_run = len(book.records), len(book.to_run)
    failed = [record for record in book.records if record.state == "failed"]
    kept = rows - to_run - len(failed)
    logger = get_run_logger()
    logger.info("%d rows: %d to make, %d made before, %d wrong", rows, to_run, kept, len(failed))
    for record in failed:
        logger.warning("line %d %s: %s", record.line, record.id, record.problem())
    watcher = batch_watcher()
    if watcher is not None:
        watcher.checked(rows, kept=kept, failed=len(failed), to_run=to_run)
        for record in failed:
            watcher.refused(record)
