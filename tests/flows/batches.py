"""Batches for tests: rows that the tiny checkpoint answers in a second, written and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun

from blocks.media_store.place import anywhere
from flows.batch import generate_batch
from ltxv.batch_result import BatchResult
from tests.flows.conftest import House

SMALL = {
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "number_of_frames": 9,
    "first_pass_number_of_steps": 2,
    "second_pass_number_of_steps": 2,
    "second_pass_skip_initial_steps": 1,
}
BAD = {"id": "bad", "prompt": "x", "number_of_frames": 4}
TORN = "{not json"


def row(name: str, **fields: Any) -> dict[str, Any]:
    """Return a row."""
    return {"id": name, "prompt": f"a cat called {name}", **SMALL, **fields}


def write(file: Path, *rows: Any) -> Path:
    """Write a manifest; what is text is written as it is."""
    lines = [line if isinstance(line, str) else json.dumps(line) for line in rows]
    file.write_text("\n".join(lines) + "\n")
    return file


def run(house: House, manifest: Path | str, **options: Any) -> BatchResult:
    """Run a batch as a program of this machine's user does."""
    with anywhere():
        return run_as_a_worker(house, manifest, **options)


def run_as_a_worker(house: House, manifest: Path | str, **options: Any) -> BatchResult:
    """Run a batch as anyone may who can start flow runs."""
    return generate_batch(
        str(manifest), model=house.model, store=house.store, safety=house.safety, **options
    )


def lines_of(address: str) -> list[dict[str, Any]]:
    """Return a results manifest that is a local file."""
    text = Path(address.removeprefix("file://")).read_text()
    return [json.loads(line) for line in text.splitlines()]


def video_runs(house: House) -> list[FlowRun]:
    """Return the flow runs of generate-video with the house's store."""
    with get_client(sync_client=True) as client:
        runs: list[FlowRun] = []
        while page := client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["generate-video"])),
            flow_run_filter=FlowRunFilter(),
            offset=len(runs),
        ):
            runs += page
    return [found for found in runs if found.parameters.get("store") == house.store]
