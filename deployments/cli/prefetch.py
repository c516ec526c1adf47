"""``ltx prefetch``: a checkpoint's weights on this machine, before anyone waits for them."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from deployments.cli.named_model import named_model
from deployments.cli.watch import Terminal
from ltxv.prefetch import prefetch as fetched


def prefetch(
    model: Annotated[
        str, typer.Option(help="auto, a named checkpoint such as tiny, or a saved model block.")
    ] = "ltxv-13b-0.9.7-distilled",
) -> None:
    """Download a checkpoint's weights from the Hub, all that is read of them and no more.

    They are kept below HF_HOME; HF_TOKEN is sent where a repository needs one. What is there
    already is not fetched again. Prints the folders as JSON.

    \b
    HF_HOME=/weights ltx prefetch --model ltxv-13b-0.9.7-distilled
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    checkpoint = named_model(model).weights
    Terminal(sys.stderr).say(f"Fetching {checkpoint.name} …")
    typer.echo(json.dumps({"model": checkpoint.name, "folders": list(fetched(checkpoint))}))
