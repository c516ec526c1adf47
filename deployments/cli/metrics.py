"""``ltx metrics``: how many runs wait at a pool, also while it has no worker."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from deployments.cli.server import reach_server


def metrics(
    pool: Annotated[str, typer.Option(help="Work pool to tell of.")] = "gpu",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve metrics at.")] = 9465,
    host: Annotated[
        str, typer.Option(help="Address to serve them at; 0.0.0.0 for any.")
    ] = "127.0.0.1",
) -> None:
    """Serve a pool's queue depth for Prometheus, so that workers can be started by it.

    Workers serve it as well, with all that they do: ltx worker --metrics-port.
    """
    from deployments.worker.metrics import Metrics  # noqa: PLC0415 - for --help
    from deployments.worker.queue_depth import QueueDepth  # noqa: PLC0415

    reach_server()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, ends
    )  # before there are threads, which would take them
    Metrics([], QueueDepth(pool)).serve(host=host, port=port)
    signal.sigwait(ends)
