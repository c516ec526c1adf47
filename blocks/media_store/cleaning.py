"""What a store no longer needs, and how it goes without anybody missing it.

A result's record goes first, so that no run starts to use what it refers to. It is set aside, not
removed: a run that used it just before may still need its content, which therefore goes a grace
period later, unless a new record names it by then. Published files never go, and neither does
anything whose name is not one that a store gives.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain

from blocks.media_store.backend import Entry, Listed
from blocks.media_store.cleaned import Cleaned, Limits
from blocks.media_store.keys import EXPIRED, LEASES, OUTPUTS, RESULTS, is_content, noted_in
from blocks.media_store.records import refs_in

_UNFINISHED = re.compile(r"(.*/)?\.[0-9a-f]{32}\.part")
_LEFT_SECONDS = 3600
"""Age of leftovers: a lease is written anew every few minutes, a file in the making always."""


Needed = Callable[[Sequence[str]], Collection[str]]
"""Of some runs, by their ids, those whose notes are still needed."""


class Cleaning:
    """One look through a store."""

    def __init__(self, backend: Listed, limits: Limits, *, needed: Needed, dry_run: bool) -> None:
        self._backend = backend
        self._limits = limits
        self._needed = needed
        self._dry_run = dry_run
        self._now = time.time()
        self._published = 0
        self._records: dict[str, Entry] = {}
        self._set_aside: dict[str, Entry] = {}
        self._payloads: dict[str, Entry] = {}
        self._notes: dict[str, list[Entry]] = defaultdict(list)
        self._leftovers: list[Entry] = []
        self._referring: dict[str, set[str]] = defaultdict(set)
        self._parting: set[str] = set()
        """Content that a record names which was set aside a while ago."""
        self._recently_used: set[str] = set()

    def run(self) -> Cleaned:
        """Remove what can go, in an order that leaves no result without its content."""
        self._list()
        self._read_records()
        ending = self._too_old() | self._too_much()
        for key in ending:
            self._set_record_aside(key)
        going = [entry for entry in self._payloads.values() if self._can_go(entry)]
        gone = [entry for entry in going if self._remove_content(entry)]
        over = [entry for entry in self._set_aside.values() if self._is_past_grace(entry)]
        notes = self._notes_to_go()
        for entry in (*over, *notes, *self._leftovers):
            self._remove(entry.key)
        return self._report(ending, gone, over, notes)

    def _list(self) -> None:
        groups = {RESULTS: self._records, EXPIRED: self._set_aside}
        for entry in self._backend.entries():
            top = entry.key.partition("/")[0]
            if _UNFINISHED.fullmatch(entry.key):
                if self._is_left(entry):
                    self._leftovers.append(entry)
            elif top == OUTPUTS:
                self._published += entry.size
            elif top == LEASES:
                if self._is_left(entry):
                    self._leftovers.append(entry)
            elif top in groups:
                groups[top][entry.key] = entry
            elif is_content(entry.key):
                self._payloads[entry.key] = entry
            elif run := noted_in(entry.key):
                self._notes[run].append(entry)

    def _is_left(self, entry: Entry) -> bool:
        return self._now - entry.modified > _LEFT_SECONDS

    def _read_records(self) -> None:
        for key in self._records:
            for path in self._refs(key):
                self._referring[path].add(key)
        for key, entry in self._set_aside.items():
            past = self._is_past_grace(entry)
            (self._parting if past else self._recently_used).update(self._refs(key))

    def _refs(self, key: str) -> list[str]:
        try:
            return refs_in(self._backend.read(key))
        except FileNotFoundError:  # gone since it was listed
            return []

    def _too_old(self) -> set[str]:
        return {
            key
            for key, entry in self._records.items()
            if self._now - entry.used > self._limits.max_age
        }

    def _too_much(self) -> set[str]:
        """Return the records of the content that was used the longest ago, of what is too much."""
        if self._limits.max_bytes is None:
            return set()
        staying = [entry for entry in self._payloads.values() if not self._is_parting(entry)]
        left = _size(staying) + _size(self._records.values())
        ending: set[str] = set()
        for entry in sorted(staying, key=self._last_use):
            if left <= self._limits.max_bytes or not self._is_over(self._last_use(entry)):
                break
            left -= entry.size
            ending |= self._referring[entry.key]
            self._parting.add(entry.key)
        return ending

    def _is_parting(self, entry: Entry) -> bool:
        """Say whether content goes anyway, now or when its grace is over."""
        named = entry.key in self._parting or entry.key in self._recently_used
        return named and not self._referring[entry.key]

    def _last_use(self, entry: Entry) -> float:
        records = (self._records[key].used for key in self._referring[entry.key])
        return max(entry.modified, *records, 0.0)

    def _can_go(self, entry: Entry) -> bool:
        """Say whether content is needed by no record, and by no run that had one lately."""
        if self._referring[entry.key] or entry.key in self._recently_used:
            return False
        return self._is_old(entry) or (entry.key in self._parting and self._is_past_grace(entry))

    def _notes_to_go(self) -> list[Entry]:
        """Return the old notes of runs that nobody goes on with or waits for."""
        old = [run for run, notes in self._notes.items() if all(map(self._is_old, notes))]
        needed = set(self._needed(old)) if old else ()
        return [note for run in old if run not in needed for note in self._notes[run]]

    @property
    def _all_notes(self) -> Iterable[Entry]:
        return chain.from_iterable(self._notes.values())

    def _is_old(self, entry: Entry) -> bool:
        return self._now - entry.modified > self._limits.max_age and self._is_past_grace(entry)

    def _is_past_grace(self, entry: Entry) -> bool:
        return self._is_over(entry.modified)

    def _is_over(self, moment: float) -> bool:
        return self._now - moment > self._limits.grace

    def _set_record_aside(self, key: str) -> None:
        if self._dry_run:
            return
        try:
            content = self._backend.read(key)
        except FileNotFoundError:
            return
        aside = f"{EXPIRED}/{key.removeprefix(f'{RESULTS}/')}"
        self._backend.write(aside, content, content_type="application/json")
        self._backend.remove(key)

    def _remove_content(self, entry: Entry) -> bool:
        """Remove content unless it was written again since it was listed."""
        found = self._backend.find(entry.key)
        if found is None or found.modified >= entry.modified + 1:  # some places round to seconds
            return False
        self._remove(entry.key)
        return True

    def _remove(self, key: str) -> None:
        if not self._dry_run:
            self._backend.remove(key)

    def _report(
        self, ending: set[str], gone: list[Entry], over: list[Entry], notes: list[Entry]
    ) -> Cleaned:
        away = {entry.key for entry in gone}
        waiting = [
            entry
            for entry in self._payloads.values()
            if entry.key not in away
            and self._referring[entry.key] <= ending
            and (self._referring[entry.key] or entry.key in self._recently_used)
        ]
        freed = _size((*gone, *over, *notes, *self._leftovers))
        there = (*self._payloads.values(), *self._records.values(), *self._all_notes)
        return Cleaned(
            records=len(ending),
            payloads=len(gone),
            freed_bytes=freed,
            waiting_bytes=_size(waiting),
            notes=len(notes),
            leftovers=len(self._leftovers),
            kept_bytes=_size(there) - _size((*gone, *notes)),
            published_bytes=self._published,
            dry_run=self._dry_run,
        )


def _size(entries: Iterable[Entry]) -> int:
    return sum(entry.size for entry in entries)
