"""A manifest in, clips and results out: the whole flow on a real server."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.sorting import ArtifactSort
from pytest_httpserver import HTTPServer

from flows.batch_watch import batches_watched_by
from ltxv.errors import LTXError, Misconfigured, Refused
from ltxv.row_record import RowRecord
from tests.flows.batches import (
    BAD,
    TORN,
    lines_of,
    row,
    run,
    run_as_a_worker,
    video_runs,
    write,
)
from tests.flows.conftest import SAMPLES, House

PHOTO = SAMPLES / "cat.jpg"


class Notes:
    """Hears what a batch tells, and may do something at a row's end."""

    def __init__(self, at_end: Callable[[RowRecord], Any] = lambda _: None) -> None:
        self.heard: list[str] = []
        self._at_end = at_end

    def checked(self, rows: int, *, kept: int, failed: int, to_run: int) -> None:
        self.heard.append(f"checked {rows} {kept} {failed} {to_run}")

    def refused(self, record: RowRecord) -> None:
        self.heard.append(f"refused {record.line}")

    def ended(self, record: RowRecord, *, number: int, of: int) -> None:
        self.heard.append(f"{record.id} {record.state} {number}/{of}")
        self._at_end(record)


def page_of(key: str = "batch") -> str:
    """Return the newest page of a batch."""
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate({"key": {"any_": [key]}}),
            flow_run_filter=FlowRunFilter(),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
    return str(artifact.data)


def test_rows_become_clips_and_a_bad_row_stops_none(house: House, tmp_path: Path) -> None:
    """Each good row has a clip and a line of results; each bad one its line number and fields."""
    manifest = write(
        tmp_path / "night.jsonl",
        row("one"),
        "",
        row("two", seed=5, images=[{"image_url": "media/cat.jpg"}]),
        row("bad", number_of_frames=4, seeed=1),
        TORN,
    )
    (tmp_path / "media").mkdir()
    shutil.copy(PHOTO, tmp_path / "media" / "cat.jpg")
    notes = Notes()
    with batches_watched_by(notes):
        result = run(house, manifest, output=str(tmp_path / "out"))
    assert (result.rows, result.made, result.kept, result.failed) == (4, 2, 0, 2)
    assert result.results == str(tmp_path / "out" / "results.jsonl")
    one, two, bad, torn = lines_of(result.results)
    assert [line["state"] for line in (one, two, bad, torn)] == ["done"] * 2 + ["failed"] * 2
    assert house.outputs == {one["video"]["file_name"], two["video"]["file_name"]}
    assert (two["line"], bad["line"], torn["line"]) == (3, 4, 5)
    assert {error["loc"][-1] for error in bad["errors"]} == {"number_of_frames", "seeed"}
    assert (two["seed"], two["prompt"]) == (5, "a cat called two")
    assert notes.heard[:3] == ["checked 4 0 2 2", "refused 4", "refused 5"]
    assert sorted(notes.heard[3:]) in (
        ["one done 1/2", "two done 2/2"],
        ["one done 2/2", "two done 1/2"],
    )
    page = page_of()
    assert "# 2 of 4 clips" in page
    assert "| 4 | bad |" in page
    assert page.count("data:image/jpeg;base64,/9j/") == 2
    assert "| first_pass | 2 | 0 |" in page


def test_again_makes_only_what_is_missing_or_changed(house: House, tmp_path: Path) -> None:
    """A row is made anew when its text, its medium or its clip changed, with the same seed."""
    photo = Path(shutil.copy(PHOTO, tmp_path / "cat.jpg"))
    rows = [row("text"), row("medium", images=[{"image_url": "cat.jpg"}]), row("gone"), row("same")]
    manifest = write(tmp_path / "night.jsonl", *rows)
    first = {line["id"]: line for line in lines_of(run(house, manifest).results)}
    again = run(house, manifest)
    assert (again.made, again.kept) == (0, 4)
    assert lines_of(again.results) == list(first.values())
    shutil.copy(SAMPLES / "coffee.jpg", photo)
    (house.root / "outputs" / first["gone"]["video"]["file_name"]).unlink()
    write(manifest, row("text", prompt="a dog"), *rows[1:], row("new"))
    changed = run(house, manifest)
    second = {line["id"]: line for line in lines_of(changed.results)}
    assert (changed.made, changed.kept) == (4, 1)
    assert second["same"] == first["same"]
    assert second["gone"]["video"] == first["gone"]["video"]
    assert second["text"]["seed"] == first["text"]["seed"]
    assert second["medium"]["video"] != first["medium"]["video"]


def test_a_damaged_note_is_a_missing_one(house: House, tmp_path: Path) -> None:
    """A row whose note a crash cut short is made again, out of the stage cache."""
    manifest = write(tmp_path / "night.jsonl", row("a"))
    first = run(house, manifest, output=str(tmp_path / "out"))
    (note,) = (tmp_path / "out" / "results.rows").iterdir()
    note.write_bytes(note.read_bytes()[:40])
    second = run(house, manifest, output=str(tmp_path / "out"))
    assert (first.made, second.made) == (1, 1)
    (line,) = lines_of(second.results)
    assert {stage["state"] for stage in line["stages"]} == {"cached", "skipped"}


def test_a_row_that_fails_while_it_runs_is_reported_with_its_field(
    house: House, tmp_path: Path, httpserver: HTTPServer
) -> None:
    """What only the run finds out is in the results as the endpoint would say it."""
    httpserver.expect_request("/page").respond_with_data("<html>")
    bad = row("bad", images=[{"image_url": httpserver.url_for("/page")}])
    result = run(house, write(tmp_path / "night.jsonl", bad, row("good")))
    assert (result.made, result.failed) == (1, 1)
    (failure,) = result.failures
    assert (failure.id, failure.line) == ("bad", 1)
    assert failure.problem.startswith("images.0.image_url: ")


@pytest.mark.parametrize(
    "named", ["../secret.jpg", "/etc/hostname", "link.jpg", "none.jpg", "a/../../secret.jpg"]
)
def test_a_medium_stays_below_the_manifest(house: House, tmp_path: Path, named: str) -> None:
    """No name, and no link, reaches out of the manifest's folder."""
    (tmp_path / "in").mkdir()
    shutil.copy(PHOTO, tmp_path / "secret.jpg")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    manifest = write(tmp_path / "in" / "m.jsonl", row("a", images=[{"image_url": named}]))
    result = run(house, manifest)
    (failure,) = result.failures
    assert failure.problem.startswith("images.0.image_url: there is no file")


@pytest.mark.parametrize("manifest", ["/etc/passwd", "file:///etc/passwd", "s3://other/m.jsonl"])
def test_a_run_reads_and_writes_only_where_the_operator_lets_it(
    house: House, tmp_path: Path, manifest: str
) -> None:
    """Whoever may start runs cannot thereby read this machine's files or write to them."""
    with pytest.raises(Refused, match="`places`"):
        run_as_a_worker(house, manifest)
    good = f"data:,{json.dumps(row('a'))}"
    with pytest.raises(Refused, match=r"output: .*`places`"):
        run_as_a_worker(house, good, output=str(tmp_path / "out"))
    with pytest.raises(Refused, match="outputs/"):
        run_as_a_worker(house, good, output=str(house.root / "results"))
    assert not (tmp_path / "out").exists()
    assert video_runs(house) == []


def test_a_manifest_on_the_web_has_its_media_beside_it(
    house: House, httpserver: HTTPServer
) -> None:
    """Relative media are fetched from below its address; its signature is not sent along."""
    line = json.dumps(row("a", images=[{"image_url": "cat.jpg"}]))
    httpserver.expect_request("/m/night.jsonl", query_string="sig=x").respond_with_data(line)
    httpserver.expect_request("/m/cat.jpg", query_string="").respond_with_data(PHOTO.read_bytes())
    result = run_as_a_worker(house, httpserver.url_for("/m/night.jsonl?sig=x"))
    assert (result.made, result.failures) == (1, ())
    assert result.results.startswith(f"{house.root.as_uri()}/outputs/batches/night-")


def test_limits_refuse_a_batch_before_anything_runs(house: House, tmp_path: Path) -> None:
    """Too many rows, or too much to do, is one error with value, limit and remedy."""
    manifest = write(tmp_path / "night.jsonl", row("a"), row("b"))
    with pytest.raises(Refused, match=r"has 2 rows, more than 1; .*raise max_rows"):
        run(house, manifest, max_rows=1)
    with pytest.raises(Refused, match=r"cost .* seconds of an H200, .*raise max_gpu_seconds"):
        run(house, write(tmp_path / "long.jsonl", {"id": "a", "prompt": "b"}), max_gpu_seconds=1e-3)
    with pytest.raises(Refused, match="no deployment 'generate-video/none'"):
        run(house, manifest, deployment="generate-video/none")
    assert video_runs(house) == []


def test_a_manifest_that_changes_meanwhile_changes_nothing(house: House, tmp_path: Path) -> None:
    """It is read once; the result says which content that was."""
    manifest = write(tmp_path / "night.jsonl", row("a"), row("b"))
    with batches_watched_by(Notes(at_end=lambda _: manifest.unlink(missing_ok=True))):
        result = run(house, manifest)
    assert result.made == 2
    assert len(result.manifest_digest) == 64


def test_results_that_cannot_be_written_end_the_batch(house: House, tmp_path: Path) -> None:
    """One clear error; what was finished before is kept, and the rest is made the next time."""
    manifest = write(tmp_path / "night.jsonl", *[row(str(number)) for number in range(4)])
    out = tmp_path / "out"

    def take_away(record: RowRecord) -> None:
        shutil.move(out, tmp_path / "away")
        out.write_text("in the way")

    with batches_watched_by(Notes(at_end=take_away)), pytest.raises(Misconfigured, match="out"):
        run(house, manifest, output=str(out), concurrency=1)
    out.unlink()
    shutil.move(tmp_path / "away", out)
    result = run(house, manifest, output=str(out))
    assert (result.kept, result.made) == (1, 3)


def test_a_fault_of_every_row_ends_the_batch(house: House, tmp_path: Path) -> None:
    """Three rows after each other that only the operator can mend are enough."""
    house.root.mkdir()
    (house.root / "prompts").write_text("in the way")
    manifest = write(tmp_path / "night.jsonl", *[row(str(number)) for number in range(6)])
    with pytest.raises(Misconfigured, match="3 rows after each other failed"):
        run(house, manifest, concurrency=1, output=str(tmp_path / "out"))
    states = [line["state"] for line in lines_of(str(tmp_path / "out" / "results.jsonl"))]
    assert states == ["failed"] * 3 + ["not_run"] * 3


def test_two_batches_at_once_make_each_clip_once(house: House, tmp_path: Path) -> None:
    """A schedule that overlaps itself does the work of one."""
    manifest = write(tmp_path / "night.jsonl", *[row(str(number)) for number in range(4)], BAD)
    found: list[Any] = []

    def one() -> None:
        try:
            found.append(run(house, manifest, output=str(tmp_path / "out")))
        except LTXError as error:
            found.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.failed for result in found] == [1, 1]
    assert sum(result.made for result in found) == 4
    assert len(video_runs(house)) == 4
