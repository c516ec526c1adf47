"""What a worker counts, as Prometheus reads it."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from blocks.worker import WORKER_SOCKET
from deployments.worker.door import door
from deployments.worker.engine_watch import EngineWatch
from deployments.worker.metrics import Metrics
from deployments.worker.queue_depth import QueueDepth
from deployments.worker.state import WorkerState
from ltxv.errors import Misconfigured, Refused
from tests.flows.conftest import House, new_house
from tests.ports import free_port

__all__ = ["new_house"]


def samples(port: int) -> dict[str, float]:
    """Return what is served, by name and labels."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return {
        " ".join(
            [sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))]
        ): (sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Metrics of a worker without GPUs, and runs in this process that tell it what they do."""
    port = free_port()
    metrics = Metrics([], QueueDepth("no-such-pool"))
    metrics.serve(host="127.0.0.1", port=port)
    with tempfile.TemporaryDirectory(prefix="ltx-m-") as folder:
        at = Path(folder) / "worker.sock"
        monkeypatch.setenv(WORKER_SOCKET, str(at))
        state = WorkerState(pool="gpu", pid=1, pairs=[])
        with door(at, state=lambda: state, listener=metrics):
            yield port


def test_runs_are_counted(port: int, new_house: Callable[..., House]) -> None:
    """Videos, stages by their time, cache hits by stage, and failures by what kind they are."""
    house = new_house()
    house.make()
    house.make()
    with pytest.raises(Refused):
        house.make(enable_detail_pass=True)
    with pytest.raises(Misconfigured):
        House(model="no-such", store=house.store, safety=house.safety, root=house.root).make()
    found = samples(port)
    assert found["ltx_videos_total"] == 2
    assert found["ltx_stage_duration_seconds_count stage=first_pass"] == 1
    assert found["ltx_stage_duration_seconds_sum stage=first_pass"] > 0
    assert found["ltx_cache_hits_total stage=first_pass"] == 1
    assert found["ltx_run_failures_total kind=refused type=feature_not_supported"] == 1
    assert found["ltx_run_failures_total kind=misconfigured type="] == 1


def test_a_worker_takes_only_what_a_run_would_tell(port: int) -> None:
    """Other bodies are refused, and change nothing."""
    import os  # noqa: PLC0415

    with httpx.Client(transport=httpx.HTTPTransport(uds=os.environ[WORKER_SOCKET])) as client:
        for path, body in (("/parts", {"videos": "many"}), ("/failures", {"kind": 1})):
            assert client.post(f"http://worker{path}", json=body).status_code == 422
    assert "ltx_videos_total" not in samples(port) or samples(port)["ltx_videos_total"] == 0


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    """It names the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"127.0.0.1:{port}.*--metrics-port"):
            Metrics([], QueueDepth("gpu")).serve(host="127.0.0.1", port=port)


def health(boot: str, seconds: float) -> dict[str, object]:
    """Return what an engine would say of itself."""
    done = [{"stage": "decode", "outcome": "done", "jobs": 2, "seconds": seconds}]
    return {"state": "ready", "jobs_waiting": 0, "boot": boot, "done": done}


def test_an_engines_counts_go_on_over_its_restarts() -> None:
    """A new process counts from nothing; its worker adds it to what was before."""
    watch = EngineWatch()
    watch.hear(health("a", 1.5), restarts=0)
    watch.hear(health("a", 2.5), restarts=0)
    watch.hear(health("b", 1.0), restarts=1)
    watch.gone("down")
    watch.hear(health("c", 1.0), restarts=1)  # after a fault, in the same process
    counts = watch.counts()
    assert counts.seconds["decode", "done"] == 4.5
    assert counts.jobs["decode", "done"] == 6
    assert watch.own_restarts == 1
