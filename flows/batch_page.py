"""What a person sees of a batch in the Prefect UI."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from blocks.media_store import MediaStore
from flows.batch_book import Book
from ltxv.batch_result import BatchResult
from ltxv.errors import LTXError
from ltxv.media.thumbnail import thumbnail
from ltxv.plain_text import markdown
from ltxv.row_record import RowRecord
from tasks.progress import UNREACHABLE

_SHOWN_FAILURES = 100
_SHOWN_CLIPS = 24
_LONGEST = 500
_COLUMNS = 3


def report_batch(result: BatchResult, book: Book, *, store: MediaStore) -> None:
    """Attach a page with counts, failures, times and pictures to the flow run.

    A page that cannot be made is a warning in the log.
    """
    try:
        page = batch_page(result, book.records, made=book.made(), store=store)
        create_markdown_artifact(page, key="batch", description="What the batch came to")
    except UNREACHABLE as error:
        get_run_logger().warning("the batch has no page: %s", error)


def batch_page(
    result: BatchResult,
    records: Sequence[RowRecord],
    *,
    made: Sequence[RowRecord],
    store: MediaStore,
) -> str:
    """Return the page as Markdown."""
    parts = [
        f"# {result.made + result.kept} of {result.rows} clips",
        f"Manifest {_shown(result.manifest)}  \nResults {_shown(result.results)}",
        _counts(result),
        _failures(result),
        _stages(made),
        _pictures([record for record in records if record.state == "done"], store),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _shown(text: str) -> str:
    return markdown(text, most=_LONGEST)


def _counts(result: BatchResult) -> str:
    rate = 60 * result.made / result.seconds if result.seconds else 0
    counted = {
        "made": result.made,
        "made before": result.kept,
        "failed": result.failed,
        "not run": result.not_run,
        "wall time": f"{result.seconds:.0f} s",
        "clips a minute": f"{rate:.1f}",
        "GPU cost, at most": f"{result.gpu_seconds:.1f} s of an H200",
    }
    cells = (counted, ["---"] * len(counted), map(str, counted.values()))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _failures(result: BatchResult) -> str:
    if not result.failures:
        return ""
    rows = [
        f"| {failure.line} | {_shown(failure.id)} | {_shown(failure.problem)} |"
        for failure in result.failures[:_SHOWN_FAILURES]
    ]
    left = len(result.failures) - len(rows)
    more = [f"\n{left} more are in the results."] if left else []
    return "\n".join(["## Failed", "", "| line | id | why |", "|---|---|---|", *rows, *more])


def _stages(made: Sequence[RowRecord]) -> str:
    """Return what the rows' stages took, all rows together."""
    ran: dict[str, list[float]] = defaultdict(list)
    cached: dict[str, int] = defaultdict(int)
    for record in made:
        for stage in record.stages:
            if stage.state == "ran":
                ran[stage.name].append(stage.seconds)
            elif stage.state == "cached":
                cached[stage.name] += 1
    names = [stage.name for stage in made[0].stages] if made else []
    rows = [
        f"| {name} | {len(ran[name])} | {cached[name]} | {sum(ran[name]):.1f} |"
        for name in names
        if ran[name] or cached[name]
    ]
    if not rows:
        return ""
    head = ["## Stages", "", "| stage | ran | cached | seconds in all |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _pictures(done: Sequence[RowRecord], store: MediaStore) -> str:
    cells = []
    for record in done[:_SHOWN_CLIPS]:
        picture = _picture(record, store)
        address = record.video.url if record.video else ""
        cells.append(f"{picture}<br>[{_shown(record.id)}]({address}) {record.seconds:.0f} s")
    if not cells:
        return ""
    cells += [""] * (-len(cells) % _COLUMNS)
    rows = [cells[at : at + _COLUMNS] for at in range(0, len(cells), _COLUMNS)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    left = len(done) - _SHOWN_CLIPS
    more = [f"\n{left} more are in the results."] if left > 0 else []
    head = ["## Clips", "", "|" + " |" * _COLUMNS, "|" + "---|" * _COLUMNS]
    return "\n".join([*head, *lines, *more])


def _picture(record: RowRecord, store: MediaStore) -> str:
    """Return a small picture of a clip as a data URI, which needs no access to the store."""
    if record.sheet is None:
        return ""
    try:
        small = thumbnail(store.get(record.sheet))
    except (LTXError, OSError):  # removed since, or no picture: the page goes without
        return ""
    return f"![](data:image/jpeg;base64,{base64.b64encode(small).decode()})"
