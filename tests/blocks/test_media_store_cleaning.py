"""Stores that are cleaned: what goes, when, and what never does."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from pathlib import Path

import pytest
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from blocks.media_store import MediaStore
from blocks.media_store.cleaned import Cleaned, Limits
from ltxv.refs import Ref
from tests.stores import Kept, in_folder

DAY = 24 * 3600
NO_GRACE = Limits(max_age=30 * DAY, grace=0)
GRACE = Limits(max_age=30 * DAY, grace=DAY)


@pytest.fixture
def old(tmp_path: Path) -> Kept:
    """An empty store in a folder, where time can be set back."""
    return in_folder(tmp_path / "store")


def made(store: MediaStore, text: str) -> tuple[str, Ref]:
    """Keep an outcome and its record as a stage does, and return their names."""
    ref = store.put(text.encode() * 100, folder="latents", suffix=".safetensors")
    results = ResultStore(
        result_storage=store, serializer=JSONSerializer(), cache_result_in_memory=False
    )
    results.write(obj=ref, key=f"first_pass/{text}")
    return f"first_pass/{text}", ref


def set_back(kept: Kept, days: float, *, parts: str = "") -> None:
    """Let everything whose name has ``parts`` in it be ``days`` older."""
    for path in Path(kept.store.root).rglob("*"):
        if path.is_file() and parts in path.as_posix():
            about = path.stat()
            os.utime(path, (about.st_atime - days * DAY, about.st_mtime - days * DAY))


def test_what_is_in_use_stays(kept: Kept) -> None:
    """Nothing goes from a store that has just been used, whatever the grace."""
    name, ref = made(kept.store, "a")
    before = kept.keys()
    time.sleep(1.1)
    cleaned = kept.store.clean(NO_GRACE)
    assert kept.keys() == before
    assert (cleaned.records, cleaned.payloads, cleaned.freed_bytes) == (0, 0, 0)
    assert cleaned.kept_bytes > ref.size
    assert kept.store.has_result(name)


def test_the_old_goes_record_first_and_content_later(old: Kept) -> None:
    """A run that was given the content just before finds it for as long as the grace lasts."""
    name, ref = made(old.store, "a")
    set_back(old, 31)
    first = old.store.clean(GRACE)
    assert (first.records, first.payloads, first.waiting_bytes) == (1, 0, ref.size)
    assert not old.store.has_result(name)
    assert old.store.get(ref)
    assert old.store.clean(GRACE).payloads == 0
    set_back(old, 2)
    last = old.store.clean(GRACE)
    assert (last.records, last.payloads) == (0, 1)
    assert last.freed_bytes > ref.size
    assert old.keys() == []


def test_what_is_made_again_in_the_grace_stays(old: Kept) -> None:
    """Content that a new record names is no longer about to go, and keeps its hit."""
    made(old.store, "a")
    set_back(old, 31)
    old.store.clean(GRACE)
    name, _ = made(old.store, "a")
    set_back(old, 2, parts="expired/")
    old.store.clean(GRACE)
    assert old.store.has_result(name)


def test_a_hit_is_a_use(old: Kept) -> None:
    """What was made long ago and used today stays; cleaning itself is no use."""
    name, _ = made(old.store, "a")
    other, _ = made(old.store, "b")
    set_back(old, 29)
    old.store.clean(GRACE)
    assert old.store.has_result(name)
    set_back(old, 2)
    old.store.clean(GRACE)
    assert old.store.has_result(name)
    assert not old.store.has_result(other)


def test_notes_of_runs_go_with_age_alone(old: Kept) -> None:
    """Old notes of a run that is over go and are counted; others stay, and what is no note."""
    over, resumable = str(uuid.uuid4()), str(uuid.uuid4())
    for name in (over, f"{over}.drafts", resumable, "mine"):
        old.write(f"runs/{name}.json", b"{}")
    assert old.store.clean(NO_GRACE, needed=lambda _: ()).notes == 0
    set_back(old, 31)
    recent = f"runs/{uuid.uuid4()}.json"
    old.write(recent, b"{}")
    assert old.store.clean(NO_GRACE).notes == 0
    assert old.store.clean(NO_GRACE, needed=lambda _: {resumable}, dry_run=True).notes == 2
    cleaned = old.store.clean(NO_GRACE, needed=lambda _: {resumable})
    assert (cleaned.notes, cleaned.freed_bytes) == (2, 4)
    assert old.keys() == sorted([recent, f"runs/{resumable}.json", "runs/mine.json"])


def test_of_too_much_the_longest_unused_goes(old: Kept) -> None:
    """Outcomes leave in the order of their last use until the rest is small enough."""
    names = []
    for text in "abcd":
        names.append(made(old.store, text)[0])
        set_back(old, 2)
    there = sum(path.stat().st_size for path in Path(old.store.root).rglob("*.*"))
    there += sum(path.stat().st_size for path in Path(old.store.root).glob("results/*/*"))
    limits = Limits(max_age=30 * DAY, grace=DAY, max_bytes=there - 150)
    assert old.store.clean(limits).records == 2
    assert [old.store.has_result(name) for name in names] == [False, False, True, True]
    assert old.store.clean(limits).records == 0


def test_content_that_two_records_name_goes_with_the_last(old: Kept) -> None:
    """One of two results that share bytes can end without harm to the other."""
    _, ref = made(old.store, "a")
    set_back(old, 31)
    results = ResultStore(
        result_storage=old.store, serializer=JSONSerializer(), cache_result_in_memory=False
    )
    results.write(obj=ref, key="first_pass/again")
    old.store.clean(NO_GRACE)
    old.store.clean(NO_GRACE)
    assert old.store.has_result("first_pass/again")


def test_published_and_unknown_files_never_go(old: Kept, tmp_path: Path) -> None:
    """Clips, published inputs and an operator's own files stay, however old and large."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(bytes(1000))
    old.store.publish(clip, name="clip.mp4", content_type="video/mp4")
    old.store.publish(clip, name="inputs/ab/cat.jpg", content_type="image/jpeg")
    old.write("mine/photo.jpg", b"x")
    before = old.keys()
    set_back(old, 4000)
    cleaned = old.store.clean(Limits(max_age=1, grace=0, max_bytes=0))
    assert old.keys() == before
    assert cleaned.published_bytes == 2000
    assert cleaned.freed_bytes == 0


def test_leftovers_of_dead_processes_go(old: Kept) -> None:
    """Unfinished files, orphans and locks of long ago are removed, those of now are not."""
    stray = f"latents/ab/.{'0' * 32}.part"
    for key in (stray, "leases/first_pass/ab"):
        old.write(key, b"x")
    orphan = old.store.put(b"orphan", folder="latents", suffix="")
    assert old.store.clean(GRACE).leftovers == 0
    set_back(old, 31)
    old.write("leases/first_pass/cd", b"x")
    cleaned = old.store.clean(GRACE)
    assert (cleaned.leftovers, cleaned.payloads) == (2, 1)
    assert cleaned.freed_bytes == 2 + orphan.size
    assert old.keys() == ["leases/first_pass/cd"]


def test_a_dry_run_changes_nothing(old: Kept) -> None:
    """It reports what a real one would do."""
    made(old.store, "a")
    old.store.put(b"orphan", folder="latents", suffix="")
    set_back(old, 31)
    before = old.keys()
    cleaned = old.store.clean(GRACE, dry_run=True)
    assert old.keys() == before
    assert (cleaned.dry_run, cleaned.records, cleaned.payloads) == (True, 1, 1)


def test_a_bucket_is_cleaned_as_well(kept: Kept) -> None:
    """By the times at which objects were written, in two steps too."""
    name, ref = made(kept.store, "a")
    time.sleep(2.1)
    soon = Limits(max_age=1, grace=1)
    first = kept.store.clean(soon)
    assert (first.records, first.payloads) == (1, 0)
    assert not kept.store.has_result(name)
    assert kept.store.get(ref)
    time.sleep(2.1)
    assert kept.store.clean(soon).payloads == 1
    assert kept.keys() == []


def test_a_damaged_record_does_not_stop_it(old: Kept) -> None:
    """It refers to nothing and goes when it is old."""
    old.write("results/first_pass/a", b"{")
    old.write("results/first_pass/b", json.dumps({"result": "[[1]]"}).encode())
    set_back(old, 31)
    assert old.store.clean(GRACE).records == 2


def test_writers_and_cleaning_do_not_meet(old: Kept) -> None:
    """Folders that are removed because they are empty do not fail whoever writes into them."""
    ended = threading.Event()
    cleaned: list[Cleaned] = []

    def clean() -> None:
        while not ended.is_set():
            cleaned.append(old.store.clean(Limits(max_age=0.001, grace=0)))

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for number in range(200):
            old.store.put(str(number).encode(), folder="latents", suffix="")
    finally:
        ended.set()
        cleaner.join()
    assert cleaned
