"""A row of a batch, made ready before the first one runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from blocks.manifest_source import ManifestSource, is_relative
from flows.equipment import Equipment
from ltxv.errors import Loc, Refused, Violation
from ltxv.frozen import digest_of
from ltxv.manifest import ManifestRow
from ltxv.media.write import VideoQuality
from ltxv.request import VideoRequest, parse_request
from ltxv.row_record import RowRecord
from ltxv.unsupported import refuse_unsupported
from ltxv.upper_bound import cost_at_most

_LORA_FILE = ".safetensors"


class BatchRow(NamedTuple):
    """A request that is known to be acceptable, as far as can be told without its media."""

    id: str
    line: int
    request: VideoRequest
    """Complete: its seed is given, and media beside the manifest are in the store."""
    digest: str
    """Of the row as written, the media beside the manifest, and what else decides the clip."""
    gpu_seconds: float
    """What it is estimated to cost at most."""

    @property
    def key(self) -> str:
        """What tells the clip from every other, seed included."""
        return digest_of([self.digest, self.request.seed])


class Foreman(NamedTuple):
    """What makes rows of a manifest ready."""

    source: ManifestSource
    use: Equipment
    quality: VideoQuality
    batch: str
    """The batch's name; rows without a seed get one that is theirs in this batch."""

    def ready(self, row: ManifestRow) -> BatchRow | RowRecord:
        """Return the row ready to run, or the record of its failure.

        Raises:
            Misconfigured: The model, the store or the manifest's place needs its operator.
            Transient: A place cannot be reached.
        """
        wrong: Sequence[Violation] = row.wrong
        if not wrong:
            try:
                return self._ready(row)
            except Refused as refused:
                wrong = refused.violations
        return failed(row.id, row.line, wrong)

    def _ready(self, row: ManifestRow) -> BatchRow:
        written = parse_request(row.fields)
        refuse_unsupported(written)
        request, identity = self._with_media(written)
        use = self.use
        screened = use.safety.applies(requested=request.enable_safety_checker)
        made_of = {
            "request": identity,
            "model": use.model.identity.model_dump(mode="json"),
            "quality": self.quality,
            "judge": use.safety.identity if screened else None,
            "expander": use.expander.identity if request.expand_prompt else None,
        }
        if request.seed is None:
            request = request.model_copy(update={"seed": _seed(self.batch, row.id)})
        cost = cost_at_most(request, model=use.model.identity, shape=use.model.shape)
        return BatchRow(row.id, row.line, request, digest_of(made_of), cost.gpu_seconds)

    def _with_media(self, request: VideoRequest) -> tuple[VideoRequest, dict[str, Any]]:
        """Return the request with its media in the store, and what it is told from others by."""
        data, identity = request.model_dump(), request.model_dump(mode="json")
        wrong: list[Violation] = []
        for named, loc, max_bytes in self._beside(request):
            field, index, name = loc
            try:
                medium = self.source.medium(named, loc=loc, max_bytes=max_bytes)
            except Refused as refused:
                wrong += refused.violations
                continue
            data[str(field)][index][name] = medium.url
            identity[str(field)][index][name] = medium.identity
        if wrong:
            raise Refused(*wrong)
        return VideoRequest.model_validate(data), identity

    def _beside(self, request: VideoRequest) -> list[tuple[str, Loc, int]]:
        """Return the media, and the files of LoRAs, that are named relative to the manifest."""
        limits = self.use.store.limits
        media = [(source.url, source.loc, limits.max_bytes) for source in request.media]
        loras = [
            (lora.path, lora.loc, limits.max_lora_bytes)
            for lora in request.lora_sources
            if lora.path.endswith(_LORA_FILE)
        ]
        return [named for named in (*media, *loras) if is_relative(named[0])]


def failed(row: str, line: int, wrong: Sequence[Violation]) -> RowRecord:
    """Return the record of a row that cannot be run or was not made."""
    return RowRecord(
        id=row,
        line=line,
        state="failed",
        errors=tuple(violation.as_detail() for violation in wrong),
    )


def _seed(batch: str, row: str) -> int:
    """Return 32 bits that are the same for this row of this batch every time."""
    digest = hashlib.sha256(f"{batch}\n{row}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
