"""The flow side: a Prefect server that is up, saved blocks, and the flow timed from inside."""

from __future__ import annotations

import base64
import mimetypes
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from prefect.testing.utilities import prefect_test_harness

from benchmarks.model_parts import model_parts_timed
from benchmarks.stopwatch import Cost, Stopwatch, covered
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.safety_checker import SafetyChecker
from flows.generate import generate_video
from ltxv.engine_options import EngineOptions
from ltxv.request import VideoRequest, parse_request
from ltxv.result import VideoResult
from tasks.compress_media import compress_media
from tasks.decode import decode
from tasks.encode_prompt import encode_prompt
from tasks.fetch_media import fetch_media
from tasks.first_pass import first_pass
from tasks.screen_frames import screen_frames
from tasks.second_pass import second_pass
from tasks.stage import Stage
from tasks.upload import upload
from tasks.write_video import write_video

_BODIES: tuple[Stage[Any, Any], ...] = (
    fetch_media,
    compress_media,
    encode_prompt,
    first_pass,
    second_pass,
    decode,
    screen_frames,
    write_video,
    upload,
)
STAGES = tuple(stage.task.name for stage in _BODIES)


@dataclass(frozen=True)
class FlowRun:
    """One run of the flow: what came out, what it cost, and where inside its stages.

    ``completed`` is the seconds until the server had the state Completed. The call returns later.
    """

    result: VideoResult
    whole: Cost
    completed: float
    inside: Stopwatch

    @property
    def overhead(self) -> float:
        """Seconds in which no stage worked, until the call returned."""
        return self.whole.wall - covered(self.inside.spans)

    def stages_that(self, state: str) -> list[str]:
        """Return the names of the stages in a state: ``ran``, ``cached`` or ``skipped``."""
        return [record.name for record in self.result.stages if record.state == state]


@dataclass(frozen=True)
class House:
    """Names of saved blocks, and the folder that their stores are in."""

    name: str
    folder: Path

    def new_store(self) -> str:
        """Save a store with nothing in it and return its name."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        MediaStore(root=str(self.folder / name)).save(name)
        return name

    def make(self, request: VideoRequest, store: str) -> FlowRun:
        """Run the flow, its stages timed from inside."""
        inside, around = Stopwatch(), Stopwatch()
        told: list[float] = []
        # Prefect calls this when the server has the state, before it ends the flow's heartbeat.
        watched = generate_video.with_options(
            on_completion=[lambda *_: told.append(time.perf_counter())]
        )
        with _bodies_timed(inside), model_parts_timed(inside), around.part("flow"):
            began = time.perf_counter()
            result = watched(request, model=self.name, store=store, safety=self.name)
        return FlowRun(
            result=result,
            whole=around.parts["flow"],
            completed=told[0] - began,
            inside=inside,
        )


def photo_request(photo: Path, **fields: Any) -> VideoRequest:
    """Return a request with one photo at frame 0, everything else as by default."""
    kind = mimetypes.guess_type(photo.name)[0]
    uri = f"data:{kind};base64,{base64.b64encode(photo.read_bytes()).decode()}"
    return parse_request({"prompt": "a cat looks up", "images": [{"image_url": uri}], **fields})


@contextmanager
def open_house(*, threads: int) -> Iterator[House]:
    """Start a server with a database of its own, default settings, and save blocks for tiny."""
    with tempfile.TemporaryDirectory(prefix="ltx-bench-") as folder, prefect_test_harness(120):
        yield furnished(Path(folder), threads)


def furnished(folder: Path, threads: int) -> House:
    """Save blocks for the tiny checkpoint and return the house that they make up."""
    name = f"bench-{uuid.uuid4().hex[:12]}"
    options = EngineOptions(threads=threads)
    LTXModel(checkpoint="tiny", device="cpu", options=options).save(name)
    # Every frame is judged as ever, but what tiny draws of a seed must not end a measurement.
    SafetyChecker(threads=threads, refuse_at=1.0, allow_disabling=True).save(name)
    return House(name=name, folder=folder)


@contextmanager
def _bodies_timed(watch: Stopwatch) -> Iterator[None]:
    """Time the functions that tasks are made of."""
    with ExitStack() as stack:
        for stage in _BODIES:
            timed = watch.timing(stage.task.name, stage.task.fn)
            stack.enter_context(patch.object(stage.task, "fn", timed))
        yield
