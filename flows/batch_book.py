"""The records of a batch while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blocks.results_manifest import ResultsManifest
from flows.batch_row import BatchRow
from flows.batch_watch import batch_watcher
from ltxv.batch_result import BatchResult, RowFailure
from ltxv.errors import Misconfigured
from ltxv.row_record import RowRecord

_IN_A_ROW = 3
_OPERATORS = ("misconfigured", "transient", "runfailed")


class Manifest(NamedTuple):
    """A manifest as it was read."""

    address: str
    digest: str


class Book:
    """What became of every row so far, in the manifest's order."""

    def __init__(self, ready: Sequence[BatchRow | RowRecord], results: ResultsManifest) -> None:
        self._results = results
        self._records: dict[int, RowRecord] = {}
        self._ended = 0
        self._ill: list[RowRecord] = []
        self._by_others: set[int] = set()
        self.to_run: list[BatchRow] = []
        for row in ready:
            known = row if isinstance(row, RowRecord) else self._known(row)
            self._records[row.line] = known
            if known.state == "not_run" and isinstance(row, BatchRow):
                self.to_run.append(row)
        self._run = {row.line: row for row in self.to_run}

    @property
    def records(self) -> list[RowRecord]:
        """Every row's, in order."""
        return list(self._records.values())

    def enter(self, record: RowRecord) -> None:
        """Write down what became of a row.

        Raises:
            Misconfigured: The results cannot be written, or several rows in a row failed by what
                only the operator can mend.
            Transient: The place for the results cannot be reached.
        """
        self._records[record.line] = record
        if record.state == "not_run":
            return
        self._ended += 1
        watcher = batch_watcher()
        if watcher is not None:
            watcher.ended(record, number=self._ended, of=len(self.to_run))
        self._results.write(self.records)
        self._stop_if_ill(record)

    def finished(self, row: BatchRow) -> RowRecord | None:
        """Return what another batch noted of a row since this one looked."""
        found = self._results.finished(row.id, digest=row.digest)
        if found is None:
            return None
        self._by_others.add(row.line)
        return found.model_copy(update={"line": row.line})

    def keep(self, record: RowRecord) -> None:
        """Note a finished row, so that no crash loses it.

        Raises:
            Misconfigured: The results cannot be written.
            Transient: Their place cannot be reached.
        """
        self._results.keep(record)
        self._records[record.line] = record  # even if the batch ends before it is entered

    def made(self) -> list[RowRecord]:
        """Return the rows that this run made."""
        mine = self._run.keys() - self._by_others
        return [record for record in self._of("done") if record.line in mine]

    def result(self, manifest: Manifest, *, seconds: float) -> BatchResult:
        """Return the counts."""
        made = self.made()
        return BatchResult(
            results=self._results.address,
            manifest=manifest.address,
            manifest_digest=manifest.digest,
            rows=len(self._records),
            made=len(made),
            kept=len(self._of("done")) - len(made),
            failed=len(self._of("failed")),
            not_run=len(self._of("not_run")),
            seconds=round(seconds, 1),
            gpu_seconds=round(sum(self._run[record.line].gpu_seconds for record in made), 3),
            failures=tuple(
                RowFailure(id=record.id, line=record.line, problem=record.problem())
                for record in self._of("failed")
            ),
        )

    def close(self) -> None:
        """Write the results manifest as it stands.

        Raises:
            Misconfigured: It cannot be written.
            Transient: Its place cannot be reached.
        """
        self._results.write(self.records, now=True)

    def _known(self, row: BatchRow) -> RowRecord:
        found = self._results.finished(row.id, digest=row.digest)
        if found is None:
            return RowRecord(id=row.id, line=row.line, state="not_run")
        return found.model_copy(update={"line": row.line})

    def _of(self, state: str) -> list[RowRecord]:
        return [record for record in self._records.values() if record.state == state]

    def _stop_if_ill(self, record: RowRecord) -> None:
        ill = any(error["type"] in _OPERATORS for error in record.errors)
        self._ill = [*self._ill, record] if ill else []
        if len(self._ill) >= _IN_A_ROW:
            raise Misconfigured(
                f"the batch ends here: {_IN_A_ROW} rows after each other failed, the last with "
                f"{record.problem()}; mend that and run the batch again, which keeps what is "
                "finished"
            )
