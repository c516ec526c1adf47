"""What became of a batch's rows, kept so that a crash loses nothing.

A finished row is a small file of its own, written at once; S3 knows no appending. The results
manifest, one line of JSON a row, is made of them: while the batch runs, and once more at its end.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pydantic import ValidationError

from blocks.media_store import MediaStore
from blocks.media_store.keys import OUTPUTS
from blocks.media_store.place import Place
from ltxv.row_record import RowRecord

_LOC = ("output",)
_SUFFIX = ".jsonl"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_EVERY_SECONDS = 10
_OWN_FOLDER = f"{OUTPUTS}/batches"


class ResultsManifest:
    """The results of one batch, by its address."""

    def __init__(self, place: Place, name: str, store: MediaStore) -> None:
        self._place = place
        self._name = name
        self._store = store
        self._published = store.own_place(OUTPUTS)
        self._written = 0.0

    @property
    def address(self) -> str:
        """Where the results manifest is."""
        return self._place.address(self._name)

    def finished(self, row: str, *, digest: str) -> RowRecord | None:
        """Return what an earlier run noted of a row, if its clip is still there and the same."""
        content = self._place.read(self._file(row))
        try:
            record = RowRecord.model_validate_json(content or b"")
        except ValidationError:  # none, damaged, or of another version
            return None
        video = record.video
        if video is None or (record.id, record.request_digest, record.state) != (
            row,
            digest,
            "done",
        ):
            return None
        clip = self._published.find(video.file_name)
        return record if clip is not None and clip.size == video.file_size else None

    def keep(self, record: RowRecord) -> None:
        """Note a finished row.

        Raises:
            Misconfigured: The place cannot be written to.
            Transient: It cannot be reached.
        """
        self._place.write(self._file(record.id), record.as_line())

    def write(self, records: Sequence[RowRecord], *, now: bool = False) -> None:
        """Write the results manifest, but not more often than every few seconds unless ``now``.

        Addresses of clips are made anew, because signed ones end after a while.

        Raises:
            Misconfigured: The place cannot be written to.
            Transient: It cannot be reached.
        """
        if not now and time.monotonic() - self._written < _EVERY_SECONDS:
            return
        lines = [self._fresh(record).as_line() for record in records]
        self._place.write(self._name, b"".join(lines), content_type="application/x-ndjson")
        self._written = time.monotonic()

    def _fresh(self, record: RowRecord) -> RowRecord:
        if record.video is None:
            return record
        url = self._store.url(f"{OUTPUTS}/{record.video.file_name}")
        return record.model_copy(update={"video": record.video.model_copy(update={"url": url})})

    def _file(self, row: str) -> str:
        """Return the name of a row's file; the digest tells `A` from `a` on every disk."""
        digest = hashlib.sha256(row.encode()).hexdigest()
        return f"{self._name.removesuffix(_SUFFIX)}.rows/{row}.{digest[:8]}.json"


def open_results(output: str | None, manifest: str, store: MediaStore) -> ResultsManifest:
    """Return the results manifest at ``output``, a folder or a ``.jsonl`` file.

    Without one it is in the store, under a name made from the manifest's.

    Raises:
        Refused: Runs may not write there.
    """
    if output is None:
        return ResultsManifest(store.own_place(_OWN_FOLDER), _name_for(manifest), store)
    folder, name = output.strip().rstrip("/"), f"results{_SUFFIX}"
    if folder.endswith(_SUFFIX):
        folder, _, name = folder.rpartition("/")
    return ResultsManifest(store.place(folder or "/", loc=_LOC, to_write=True), name, store)


def _name_for(manifest: str) -> str:
    """Return a name that tells manifests apart: that of the file, and a digest of the address."""
    path = "" if manifest.startswith("data:") else urlsplit(manifest).path
    stem = _NOT_IN_NAMES.sub("-", PurePosixPath(path).stem)[:60].strip("-")
    where = manifest.partition("?")[0]  # a signature is not the same tomorrow
    digest = hashlib.sha256(where.encode()).hexdigest()
    return f"{stem or 'batch'}-{digest[:8]}{_SUFFIX}"
