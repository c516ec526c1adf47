"""``ltx worker``: warm engines and Prefect workers on this machine's GPUs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from prefect.settings import PREFECT_API_URL

from deployments.cli.server import reach_server
from deployments.speaker import Say, speaker
from ltxv.errors import Misconfigured

if TYPE_CHECKING:
    from deployments.worker.pair import Pair
    from deployments.worker.state import WorkerState

_GPUS = Path("/proc/driver/nvidia/gpus")


def worker(  # noqa: PLR0917 - the options of a command
    pool: Annotated[
        str, typer.Option(help="Work pool to take runs from; made if missing.")
    ] = "gpu",
    queue: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this work queue of the pool, as often as needed.", show_default=False
        ),
    ] = None,
    gpus: Annotated[
        str, typer.Option(help="all, or numbers such as 0,1. Without a GPU the CPU serves.")
    ] = "all",
    model: Annotated[
        str, typer.Option(help="auto, a named checkpoint such as tiny, or a saved model block.")
    ] = "auto",
    concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            help="Runs at a time on each GPU: one denoises while the others fetch, compress, "
            "screen, encode and upload.",
        ),
    ] = 3,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Serve metrics for Prometheus at this port.",
            show_default=False,
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address that metrics are served at; 0.0.0.0 for any.")
    ] = "127.0.0.1",
) -> None:
    """Run one warm engine and one Prefect worker for each GPU, and keep both going.

    Needs PREFECT_API_URL. Ends by SIGTERM or Ctrl-C: no more runs are taken, those at hand end
    first; a second one stops them, and they can be resumed.

    \b
    ltx worker --pool gpu
    ltx worker --pool gpu --metrics-port 9464
    ltx worker --gpus 0,1 --model ltxv-13b-0.9.7-distilled --concurrency 3
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    from deployments.worker.door import door  # noqa: PLC0415 - for --help
    from deployments.worker.metrics import Metrics  # noqa: PLC0415
    from deployments.worker.pair import Pair, Settings  # noqa: PLC0415
    from deployments.worker.queue_depth import QueueDepth  # noqa: PLC0415
    from deployments.worker.supervise import Supervisor  # noqa: PLC0415
    from deployments.worker.whereabouts import DOOR, PREFIX, socket_root  # noqa: PLC0415

    if not PREFECT_API_URL.value():
        raise Misconfigured(
            "a worker needs a Prefect server that others reach as well; run `prefect server "
            "start` and set PREFECT_API_URL to its address"
        )
    reach_server()
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=socket_root()) as folder:
        settings = Settings(
            pool=pool,
            queues=queue or [],
            model=model,
            concurrency=concurrency,
            socket_folder=Path(folder),
        )
        pairs = [Pair(gpu, settings) for gpu in _numbers(gpus)]
        metrics = Metrics(pairs, QueueDepth(pool))
        if metrics_port is not None:
            metrics.serve(host=metrics_host, port=metrics_port)
        supervisor = Supervisor(pairs, say=_Board(speaker("worker")).show)
        state = partial(_state, pool, pairs)
        with door(Path(folder) / DOOR, state=state, listener=metrics):
            supervisor.run()


def _state(pool: str, pairs: Sequence[Pair]) -> WorkerState:
    from deployments.worker.state import WorkerState  # noqa: PLC0415 - for --help

    states = [pair.state() for pair in pairs]
    return WorkerState(pool=pool, pid=os.getpid(), pairs=states)


def _numbers(gpus: str) -> list[int | None]:
    """Return the numbers of GPUs that are asked for; None stands for the CPU."""
    there = len(list(_GPUS.iterdir())) if _GPUS.is_dir() else 0
    if gpus == "all":
        return [*range(there)] or [None]
    try:
        numbers = sorted({int(part) for part in gpus.split(",")})
    except ValueError as error:
        raise typer.BadParameter("give all, or numbers such as 0,1", param_hint="--gpus") from error
    missing = [number for number in numbers if not 0 <= number < there]
    if missing:
        raise Misconfigured(f"this machine has {there} GPUs and no number {missing[0]}")
    return [*numbers]


class _Board:
    """A line for each GPU, whenever one changes; engines and workers write between them."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._shown: Sequence[str] = ()

    def show(self, lines: Sequence[str]) -> None:
        if lines != self._shown:
            for line in lines:
                self._say(line)
        self._shown = lines
