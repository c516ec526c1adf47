"""Weights that are whole and no pickles, whichever library loads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError, safe_open
from transformers.utils import logging as transformers_logging

from ltxv.errors import Misconfigured


def check_folder(folder: Path) -> None:
    """Look at a folder first: the loaders' own messages name no file or offer a pickle.

    Raises:
        Misconfigured: A file is missing, damaged or a pickle.
    """
    for file in (folder / "config.json", *_shards(folder)):
        if not file.is_file():
            raise Misconfigured(f"{file} is missing; copy the whole checkpoint there")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise Misconfigured(
            f"{folder} has no .safetensors file, and pickles are never loaded; download the "
            "safetensors weights or convert them"
        )
    for file in weights:
        check_header(file)


def check_header(file: Path) -> None:
    """Open a file of weights far enough to know that it is one and has its full length.

    Raises:
        Misconfigured: It is damaged.
    """
    try:
        with safe_open(file, "pt"):
            return
    except SafetensorError as fault:
        raise Misconfigured(f"{file} is damaged: {fault}; download it again") from fault


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the loaders' warnings out of a job's own lines; what matters in them is raised."""
    libraries = (diffusers_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)


def _shards(folder: Path) -> Iterator[Path]:
    """Yield every file that an index of sharded weights names."""
    for index in folder.glob("*.safetensors.index.json"):
        weights = json.loads(index.read_text())["weight_map"]
        yield from (folder / Path(name).name for name in sorted(set(weights.values())))
