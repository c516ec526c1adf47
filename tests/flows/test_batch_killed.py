"""A batch whose process is killed, as a user runs it: the command, again and again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import s3fs
from prefect.settings import PREFECT_API_URL

from blocks.media_store import MediaStore
from tests.flows.batches import BAD, TORN, row, video_runs, write
from tests.flows.conftest import House
from tests.flows.test_stores import house_around
from tests.s3_server import S3Server

LTX = Path(sys.executable).with_name("ltx")
SECONDS = 600


@dataclass(frozen=True)
class Batch:
    """A manifest and the house that makes it."""

    house: House
    manifest: Path
    output: str
    notes: Callable[[], int]
    """How many rows are noted as finished."""

    def start(self) -> subprocess.Popen[str]:
        """Start ``ltx batch``."""
        house = self.house
        blocks = ["--model", house.model, "--store", house.store, "--safety", house.safety]
        return subprocess.Popen(
            [str(LTX), "batch", str(self.manifest), "--output", self.output, *blocks],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
        )

    def kill_after(self, rows: int) -> None:
        """Start it and kill it once so many rows are finished."""
        process = self.start()
        self.wait_for(rows, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def wait_for(self, rows: int, process: subprocess.Popen[str]) -> None:
        """Wait until so many rows are finished."""
        deadline = time.monotonic() + SECONDS
        while self.notes() < rows and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()

    def finish(self) -> dict[str, Any]:
        """Run it to its end, which is one with bad rows, and return what it prints."""
        process = self.start()
        printed, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 1, said
        assert "Traceback" not in said
        found: dict[str, Any] = json.loads(printed)
        return found


def in_a_folder(house: House, folder: Path, *rows: Any) -> Batch:
    """Return a batch whose results are in a folder."""
    notes = folder / "out" / "results.rows"
    return Batch(
        house=house,
        manifest=write(folder / "night.jsonl", *rows),
        output=str(folder / "out"),
        notes=lambda: len(list(notes.glob("*.json"))) if notes.exists() else 0,
    )


def once_each(batch: Batch, lines: list[dict[str, Any]], *, good: int) -> None:
    """Assert that each good row has a clip of its own, which one flow run made."""
    done = [line for line in lines if line["state"] == "done"]
    assert len(done) == good
    assert len({line["stored"] for line in done}) == good
    completed = [run for run in video_runs(batch.house) if run.state and run.state.is_completed()]
    assert {line["run"] for line in done} <= {str(run.id) for run in completed}
    assert len({run.parameters["request"]["prompt"] for run in completed}) == good
    # A clip may be whole when its process dies before it can note it: such a one, for each row
    # that was under way, is looked up in the stage cache by a second run and not made again.
    assert len(completed) <= good + 2


@pytest.mark.slow
def test_a_killed_batch_goes_on_where_it_was(house: House, tmp_path: Path) -> None:
    """What was finished before the kill is kept; the rest is made; nothing is made twice."""
    rows = [row(f"row {number}") for number in range(3)]
    batch = in_a_folder(house, tmp_path, rows[0], BAD, *rows[1:])
    batch.kill_after(1)
    before = batch.notes()
    end = batch.finish()
    assert (end["rows"], end["kept"] + end["made"], end["failed"]) == (4, 3, 1)
    assert end["kept"] >= before >= 1
    lines = [json.loads(line) for line in Path(end["results"]).read_text().splitlines()]
    once_each(batch, lines, good=3)


@pytest.mark.slow
def test_a_batch_that_is_stopped_ends_between_two_steps(house: House, tmp_path: Path) -> None:
    """Ctrl-C is one line, no row is begun any more, and results tell what is left."""
    rows = [row(f"row {number}") for number in range(8)]
    batch = in_a_folder(house, tmp_path, *rows)
    process = batch.start()
    batch.wait_for(1, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "ltx: stopped; what was finished is kept" in said
    assert "Traceback" not in said
    lines = [
        json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    ]
    assert [line["state"] for line in lines].count("done") == batch.notes() < 8
    assert {line["state"] for line in lines} == {"done", "not_run"}


TWENTY = [BAD, TORN, *[row(f"row {number}") for number in range(18)]]


@pytest.mark.slow
def test_twenty_rows_killed_halfway_end_with_eighteen_clips(house: House, tmp_path: Path) -> None:
    """With two bad rows among them, in a local store."""
    batch = in_a_folder(house, tmp_path, *TWENTY)
    batch.kill_after(9)
    end = batch.finish()
    assert (end["rows"], end["kept"] + end["made"], end["failed"]) == (20, 18, 2)
    assert end["kept"] >= 9
    lines = [json.loads(line) for line in Path(end["results"]).read_text().splitlines()]
    once_each(batch, lines, good=18)
    assert len(house.outputs) == 18


@pytest.mark.slow
def test_twenty_rows_killed_halfway_in_a_bucket(
    prefect_server: None, s3_server: S3Server, tmp_path: Path
) -> None:
    """The same with clips and results in S3."""
    files = s3fs.S3FileSystem(
        endpoint_url=s3_server.endpoint,
        key=s3_server.key,
        secret=s3_server.secret,
        use_listings_cache=False,
    )
    name = f"batch-{uuid.uuid4().hex[:8]}"
    files.mkdir(name)
    given = {"endpoint_url": s3_server.endpoint, "region": "us-east-1"}
    key = {"key": s3_server.key, "secret": s3_server.secret}
    house = house_around(MediaStore.model_validate({"root": f"s3://{name}/ltx", **given, **key}))
    output = f"s3://{name}/ltx/outputs/night"
    batch = Batch(
        house=house,
        manifest=write(tmp_path / "night.jsonl", *TWENTY),
        output=output,
        notes=lambda: len(files.glob(f"{output}/results.rows/*.json")),
    )
    batch.kill_after(9)
    end = batch.finish()
    assert (end["rows"], end["kept"] + end["made"], end["failed"]) == (20, 18, 2)
    assert end["kept"] >= 9
    lines = [json.loads(line) for line in files.cat_file(end["results"]).splitlines()]
    once_each(batch, lines, good=18)
    assert len(files.glob(f"{name}/ltx/outputs/*.mp4")) == 18
