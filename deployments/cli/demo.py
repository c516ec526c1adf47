"""``ltx demo``: a first video, from the sample media, with the checkpoint that is built in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blocks.saved import DEFAULT
from deployments.cli.options import Output
from deployments.cli.request_file import read_request
from deployments.cli.run import run
from ltxv.request import parse_request

_REQUEST = Path(__file__).parents[2] / "samples" / "demo.json"


def demo(
    output: Output = None,
    model: Annotated[
        str, typer.Option(help="Saved LTX Model block, or a named checkpoint.")
    ] = "tiny",
) -> None:
    """Make a short video from a sample photo and a sample clip.

    It runs on a CPU in about a minute: the built-in checkpoint has the architecture of the real
    one and almost none of its parameters, so it shows how everything works, not how good it looks.
    """
    result = run(
        parse_request(read_request(_REQUEST)),
        model=model,
        store=DEFAULT,
        safety=DEFAULT,
        beside=_REQUEST.parent,
        output=output,
    )
    typer.echo(result.model_dump_json())
