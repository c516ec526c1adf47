"""Blocks for flows under test: a store of its own, the tiny checkpoint on one thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blocks.internet import FetchLimits
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from flows.equipment import Equipment, equipment
from flows.generate import generate_video
from ltxv.engine_options import EngineOptions
from ltxv.request import parse_request
from ltxv.result import VideoResult

SAMPLES = Path(__file__).parents[2] / "samples"


@dataclass(frozen=True)
class House:
    """Saved blocks and the folder they keep everything in."""

    model: str
    store: str
    safety: str
    root: Path
    credentials: str = "default"
    expander: str = "default"

    def make(self, **fields: Any) -> VideoResult:
        """Run the flow on a small request."""
        return generate_video(
            small_request(**fields),
            model=self.model,
            store=self.store,
            safety=self.safety,
            credentials=self.credentials,
            expander=self.expander,
        )

    @property
    def equipment(self) -> Equipment:
        """The blocks themselves."""
        return equipment(
            model=self.model,
            store=self.store,
            safety=self.safety,
            credentials=self.credentials,
            expander=self.expander,
        )

    @property
    def outputs(self) -> set[str]:
        """Names of what was published, inputs left out."""
        folder = self.root / "outputs"
        return {file.name for file in folder.glob("*") if file.is_file()}


def small_request(**fields: Any) -> Any:
    """Return a request that the tiny checkpoint answers in seconds."""
    small = {
        "prompt": "a cat looks up",
        "resolution": "480p",
        "aspect_ratio": "1:1",
        "number_of_frames": 9,
        "first_pass_number_of_steps": 4,
        "second_pass_number_of_steps": 4,
        "second_pass_skip_initial_steps": 3,
        "seed": 7,
    }
    return parse_request({**small, **fields})


def furnished(
    root: Path, *, refuse_at: float = 0.99, lease_seconds: int = 10, **limits: Any
) -> House:
    """Save a set of blocks around a store in ``root``.

    Tests kill holders of leases, and wait for what they held.
    """
    name = f"test-{uuid.uuid4().hex[:8]}"
    LTXModel(checkpoint="tiny", device="cpu", options=EngineOptions(threads=1)).save(name)
    MediaStore(
        root=str(root / name),
        lease_seconds=lease_seconds,
        limits=FetchLimits(trusted_hosts=("127.0.0.1", "localhost"), **limits),
    ).save(name)
    SafetyChecker(refuse_at=refuse_at).save(name)
    return House(model=name, store=name, safety=name, root=root / name)


@pytest.fixture
def new_house(prefect_server: None, tmp_path: Path) -> Callable[..., House]:
    """Return a function that saves a set of blocks around a store at ``tmp_path``."""
    return partial(furnished, tmp_path)


@pytest.fixture
def house(new_house: Callable[..., House]) -> House:
    """A house with nothing in its store."""
    return new_house()
