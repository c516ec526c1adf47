"""What a worker tells Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deployments.worker.pair import Pair
from deployments.worker.queue_depth import QueueDepth
from deployments.worker.state import RunFailure, RunPart
from ltxv.errors import Misconfigured

_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Seconds; a GPU stage of 720p takes some 5 to 60 of them."""


class Metrics:
    """Counts what runs tell, and reads engines and queues when it is asked.

    Args:
        pairs: The worker's.
        depth: Counts what waits at the server.
    """

    def __init__(self, pairs: Sequence[Pair], depth: QueueDepth) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Engines(pairs))
        self._registry.register(_Queues(depth))
        self._stages = Histogram(
            "ltx_stage_duration_seconds",
            "Wall time of the stages that runs of this worker did.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._hits = self._counter("ltx_cache_hits", "Stages taken from the store.", "stage")
        self._videos = self._counter("ltx_videos", "Videos that were finished.")
        self._failures = self._counter(
            "ltx_run_failures", "Runs that ended without a result.", "kind", "type"
        )

    def serve(self, *, host: str, port: int) -> None:
        """Answer Prometheus from threads of its own, as long as the process lives.

        Raises:
            Misconfigured: The port cannot be had.
        """
        try:
            start_http_server(port, addr=host, registry=self._registry)
        except OSError as error:
            raise Misconfigured(
                f"metrics cannot be served at {host}:{port}: {error.strerror or error}; choose "
                "another --metrics-port"
            ) from error

    def part(self, part: RunPart) -> None:
        """Count what a part of a run did."""
        for record in part.stages:
            if record.state == "ran":
                self._stages.labels(record.name).observe(record.seconds)
            elif record.state == "cached":
                self._hits.labels(record.name).inc()
        self._videos.inc(part.videos)

    def failure(self, failure: RunFailure) -> None:
        """Count a run that ended without a result."""
        self._failures.labels(failure.kind, failure.type).inc()

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(name, help, labels, registry=self._registry)


class _Engines(Collector):
    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily(
            "ltx_engine_ready", "Whether the engine takes jobs.", labels=["gpu"]
        )
        waiting = GaugeMetricFamily(
            "ltx_engine_jobs_waiting", "Jobs that wait for the engine.", labels=["gpu"]
        )
        runs = GaugeMetricFamily("ltx_runs_in_progress", "Flow runs at hand.", labels=["gpu"])
        restarts = CounterMetricFamily(
            "ltx_engine_restarts", "Starts of the engine but the first.", labels=["gpu"]
        )
        workers = CounterMetricFamily(
            "ltx_worker_restarts", "Starts of the Prefect worker but the first.", labels=["gpu"]
        )
        for pair in self._pairs:
            watch = pair.watch
            ready.add_metric([pair.gpu], float(watch.state == "ready"))
            waiting.add_metric([pair.gpu], watch.jobs_waiting)
            runs.add_metric([pair.gpu], len(pair.runs()))
            restarts.add_metric([pair.gpu], pair.engine.restarts + watch.own_restarts)
            workers.add_metric([pair.gpu], pair.worker.restarts)
        yield from (ready, waiting, runs, restarts, workers)
        yield from self._work()

    def _work(self) -> Iterator[Metric]:
        jobs = CounterMetricFamily(
            "ltx_engine_jobs", "Jobs that the engine ended.", labels=["gpu", "stage", "outcome"]
        )
        seconds = CounterMetricFamily(
            "ltx_gpu_seconds",
            "Seconds that the engine worked, failed and cancelled jobs included.",
            labels=["gpu", "stage"],
        )
        for pair in self._pairs:
            counts = pair.watch.counts()
            for (stage, outcome), count in counts.jobs.items():
                jobs.add_metric([pair.gpu, stage, outcome], count)
            for stage in {stage for stage, _ in counts.seconds}:
                worked = sum(spent for key, spent in counts.seconds.items() if key[0] == stage)
                seconds.add_metric([pair.gpu, stage], worked)
        yield from (jobs, seconds)


class _Queues(Collector):
    def __init__(self, depth: QueueDepth) -> None:
        self._depth = depth

    def describe(self) -> Sequence[Metric]:
        return ()  # registering asks for nothing from the server

    def collect(self) -> Iterator[Metric]:
        counts = self._depth.read()
        reached = GaugeMetricFamily("ltx_server_up", "Whether the Prefect server answered.")
        reached.add_metric([], float(counts is not None))
        yield reached
        if counts is None:
            return
        waiting = GaugeMetricFamily(
            "ltx_queue_runs",
            "Flow runs that are due and wait for a worker.",
            labels=["pool", "queue"],
        )
        for queue, count in counts.waiting.items():
            waiting.add_metric([self._depth.pool, queue], count)
        yield waiting
        crashed = GaugeMetricFamily(
            "ltx_crashed_runs", "Flow runs that are Crashed at the server.", labels=["pool"]
        )
        crashed.add_metric([self._depth.pool], counts.crashed)
        yield crashed
