"""``ltx engine``: the weights, loaded once, behind a socket."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.named_model import named_model
from deployments.speaker import speaker

_MOST_WAITING = 16


def engine(
    model: Annotated[
        str, typer.Option(help="auto, a named checkpoint such as tiny, or a saved model block.")
    ] = "auto",
    gpu: Annotated[
        int | None,
        typer.Option(min=0, help="Number of the GPU; the block's device if left out."),
    ] = None,
    socket: Annotated[
        Path | None,
        typer.Option(
            help="Unix socket to serve; one of this user's for the GPU if left out.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    most_waiting: Annotated[
        int, typer.Option(min=1, help="Jobs that may wait; more are told to come again.")
    ] = _MOST_WAITING,
) -> None:
    """Load a model's weights once and serve its stages to flow runs on this machine.

    Flow runs that have LTX_ENGINE_SOCKET set use it; `ltx worker` starts both. It takes one job at
    a time. SIGTERM lets the jobs at hand end. After a fault of the device it starts itself anew.

    \b
    ltx engine --model tiny --socket /tmp/ltx/engine.sock
    LTX_ENGINE_SOCKET=/tmp/ltx/engine.sock ltx generate --model tiny --prompt "..."
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    from deployments.engine.serve import EngineProcess, start_anew  # noqa: PLC0415 - for --help

    say = speaker("engine")
    block = named_model(model)
    if gpu is not None:
        block = block.model_copy(update={"device": f"cuda:{gpu}"})
    local = block.local_engine()
    at = socket or default_socket(gpu)
    process = EngineProcess(local, local.load, at=at.absolute(), most=most_waiting, say=say)
    if process.run():
        start_anew()


def default_socket(gpu: int | None) -> Path:
    """Return where the engine of a GPU is, in a folder of this user alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    name = "ltx" if runtime else f"ltx-{os.getuid()}"
    folder = Path(runtime or tempfile.gettempdir()) / name
    return folder / f"engine-{0 if gpu is None else gpu}.sock"
