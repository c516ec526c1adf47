"""A model by the name that a command was given."""

from __future__ import annotations

from blocks.ltx_model import LTXModel
from blocks.saved import saved
from deployments.cli.server import reach_server
from ltxv.checkpoints import NAMES


def named_model(name: str) -> LTXModel:
    """Return the model; only a block of the operator's own needs the server that keeps it.

    Raises:
        Misconfigured: There is no such block.
    """
    if name in ("auto", *NAMES):
        return LTXModel(checkpoint=name)
    reach_server()
    return saved(LTXModel, name)
