"""`ltx engine`, a real process, and the client that flow runs reach it with."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from blocks.remote_engine import RemoteEngine
from ltxv.checkpoints import find_checkpoint
from ltxv.engine import (
    DecodeWork,
    FirstPassWork,
    Frames,
    ModelIdentity,
    Placement,
    PromptWork,
    SecondPassWork,
)
from ltxv.engine_options import EngineOptions
from ltxv.engine_time import engine_time
from ltxv.errors import Cancelled, EngineFault, Misconfigured, Refused, Transient
from ltxv.media.compress import compress
from ltxv.media.compress_work import CompressWork
from ltxv.model.local_engine import LocalEngine
from ltxv.reel import Reel
from tests.conftest import SAMPLES

SIGMAS = (1.0, 0.9875, 0.9094, 0.725)
IDENTITY = find_checkpoint("tiny").identity(dtype="float32", device="cpu")
LTX = Path(sys.executable).with_name("ltx")

Start = Callable[..., "Served"]


class Served:
    """A running engine."""

    def __init__(self, process: subprocess.Popen[str], socket: Path) -> None:
        self.process = process
        self.socket = socket
        self.client = RemoteEngine(socket)
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://engine"
        )


@contextmanager
def served(
    *options: str, memory: int | None = None, file_size: int | None = None
) -> Iterator[Served]:
    """Run an engine on a socket of its own until the end of the block."""

    def limit() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    with tempfile.TemporaryDirectory(prefix="ltx-e-") as folder:
        socket = Path(folder) / "engine.sock"
        process = subprocess.Popen(
            [str(LTX), "engine", "--model", "tiny", "--socket", str(socket), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=limit,  # noqa: PLW1509 - no threads are running yet
        )
        try:
            yield Served(process, socket)
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def engine() -> Iterator[Served]:
    """An engine that several tests ask."""
    with served() as one:
        yield one


def first_work(**changes: object) -> FirstPassWork:
    """A pass of a fraction of a second."""
    fields = {
        "model": IDENTITY,
        "width": 64,
        "height": 64,
        "frames": 17,
        "frame_rate": 24.0,
        "sigmas": SIGMAS,
        "padding": (0, 0, 0, 0),
        "seed": 7,
    }
    return FirstPassWork.model_validate({**fields, **changes})


def long_work() -> FirstPassWork:
    """A pass of many steps, each long enough to be met in the middle."""
    sigmas = tuple(float(sigma) for sigma in np.linspace(1.0, 0.01, 60))
    return first_work(width=256, height=256, frames=33, sigmas=sigmas)


def silent(done: int, total: int) -> None:
    """Take no notice of progress."""


def prompt_of(engine: RemoteEngine) -> bytes:
    """Return an encoded prompt."""
    return engine.encode_prompt(PromptWork(model=IDENTITY, text="a cat"))


def small_pass(engine: RemoteEngine) -> bytes:
    """Ask for a pass, as proof that the engine serves."""
    return engine.first_pass(first_work(), prompt=prompt_of(engine), items=[], on_step=silent)


def test_every_stage_is_what_it_is_in_this_process(engine: Served, tmp_path: Path) -> None:
    """Embeddings, both latents and the frames are the same bytes; steps are told."""
    item = tmp_path / "item.mkv"
    compress(
        SAMPLES / "cat.jpg",
        item,
        CompressWork(kind="image", aspect=(1, 1), crf=35),
        loc=("images", 0),
    )
    placed = {"placements": (Placement(kind="image", start_frame=0, frames=1, strength=1),)}
    second = SecondPassWork.model_validate(
        {
            **first_work(**placed).model_dump(exclude={"seed"}),
            "width": 128,
            "height": 128,
            "sigmas": (0.9094, 0.4219),
        }
    )
    decode = DecodeWork(model=IDENTITY, width=120, height=100, frames=9, padding=(4, 4, 14, 14))
    local = LocalEngine(find_checkpoint("tiny"), device="cpu", options=EngineOptions(threads=1))
    made, steps = [], []
    for one in (local, engine.client):
        told: list[tuple[int, int]] = []
        prompt = prompt_of(one)  # type: ignore[arg-type]
        given = {"prompt": prompt, "items": [item]}
        first = one.first_pass(
            first_work(**placed), on_step=lambda *step, told=told: told.append(step), **given
        )
        refined = one.second_pass(second, latents=first, on_step=silent, **given)
        reel = Reel(decode)
        one.decode(decode, latents=refined, on_step=silent, on_frames=reel.add)
        made.append((prompt, first, refined, reel.frames.tobytes(), reel.frames.shape))
        steps.append(told)
    assert made[0] == made[1]
    assert steps[0] == steps[1] == [(n, 4) for n in range(1, 5)]


def test_the_time_it_works_is_told_and_counted(engine: Served) -> None:
    """Its caller hears the seconds of each job, and whoever asks it the sum of all."""
    small_pass(engine.client)  # it is ready by then
    counted = engine.http.get("/health").json()
    heard: list[float] = []
    with engine_time(heard.append):
        small_pass(engine.client)
    after = engine.http.get("/health").json()
    spent = [sum(one["seconds"] for one in health["done"]) for health in (counted, after)]
    assert len(heard) == 2
    assert all(seconds > 0 for seconds in heard)
    assert spent[1] - spent[0] == pytest.approx(sum(heard), abs=0.01)
    assert after["boot"] == counted["boot"]
    assert {(one["stage"], one["outcome"]) for one in after["done"]} >= {("first_pass", "done")}


def test_a_caller_who_stops_frees_the_engine(engine: Served) -> None:
    """A pass that is cancelled, or whose caller is gone, ends between two steps."""
    prompt = prompt_of(engine.client)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        engine.client.first_pass(long_work(), prompt=prompt, items=[], on_step=stop)
    began = time.monotonic()
    small_pass(engine.client)
    assert time.monotonic() - began < 60
    assert engine.http.get("/").json()["jobs_waiting"] == 0


def test_frames_are_sent_as_they_are_finished_and_once(engine: Served) -> None:
    """Who hears of the first can fetch them all, and keeps the job going while he listens."""
    latents = small_pass(engine.client)
    digest = hashlib.sha256(latents).hexdigest()
    work = DecodeWork(model=IDENTITY, width=60, height=50, frames=17, padding=(2, 2, 7, 7))
    engine.http.put(f"/inputs/{digest}", content=latents).raise_for_status()
    job = {"stage": "decode", "work": work.model_dump(mode="json"), "latents": digest}
    path = f"/jobs/{engine.http.post('/jobs', json={'job': job}).json()['id']}"
    assert engine.http.get(f"{path}/result").status_code == 404
    heard = []
    with engine.http.stream("GET", f"{path}/events") as events:
        for line in events.iter_lines():
            if line.startswith("event: "):
                heard.append(line.removeprefix("event: "))
            if line == "event: frames":
                made = engine.http.get(f"{path}/result")
    assert heard == ["running", "step", "frames", "done"]
    assert made.headers["x-shape"] == "50,60,3"
    assert len(made.content) == 17 * 50 * 60 * 3
    assert engine.http.get(f"{path}/result").status_code == 404
    reel = Reel(work)
    engine.client.decode(work, latents=latents, on_step=silent, on_frames=reel.add)
    assert reel.frames.tobytes() == made.content

    def stop(_: Frames) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        engine.client.decode(work, latents=latents, on_step=silent, on_frames=stop)
    assert small_pass(engine.client) == latents


def test_errors_arrive_as_what_they_are(engine: Served, tmp_path: Path) -> None:
    """A misfit LoRA is the caller's, another model the operator's; neither harms the engine."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - beside its use

    lora = tmp_path / "lora.safetensors"
    key = "transformer.transformer_blocks.0.attn1.to_q"
    weights = {"lora_A": np.zeros((2, 999), np.float32), "lora_B": np.zeros((999, 2), np.float32)}
    save_file({f"{key}.{name}.weight": weight for name, weight in weights.items()}, lora)
    used = ({"sha256": "0" * 64, "scale": 1.0, "position": 0},)
    prompt = prompt_of(engine.client)
    with pytest.raises(Refused) as caught:
        engine.client.first_pass(
            first_work(loras=used), prompt=prompt, items=[], loras=[lora], on_step=silent
        )
    assert caught.value.detail[0]["loc"][:3] == ["body", "loras", 0]
    other = ModelIdentity(checkpoint="other", revision="1", dtype="float32", device="cpu")
    with pytest.raises(Misconfigured, match="this engine serves tiny"):
        engine.client.first_pass(
            first_work(model=other.model_dump()), prompt=prompt, items=[], on_step=silent
        )
    small_pass(engine.client)


def test_what_is_no_job_is_refused(engine: Served) -> None:
    """Unknown stages, wrong digests and missing inputs are answered, not served."""
    small_pass(engine.client)
    put = engine.http.put(f"/inputs/{'0' * 64}", content=b"other bytes")
    assert (put.status_code, put.json()["message"]) == (
        400,
        "the bytes are not those of the digest",
    )
    assert engine.http.put("/inputs/..%2Fx", content=b"").status_code in {400, 404}
    assert engine.http.post("/jobs", json={"job": {"stage": "train"}}).status_code == 422
    job = {"stage": "first_pass", "work": first_work().model_dump(mode="json"), "prompt": "1" * 64}
    missing = engine.http.post("/jobs", json={"job": job})
    assert (missing.status_code, missing.json()) == (409, {"missing": ["1" * 64]})
    assert engine.http.get("/jobs/none/events").status_code == 404


def test_jobs_wait_in_order_and_not_without_end() -> None:
    """Lower priorities go first; who comes when too many wait is told to come again."""
    with served("--most-waiting", "2") as engine:
        prompt = prompt_of(engine.client)
        running, order = threading.Event(), []

        def stepped(done: int, total: int) -> None:
            running.set()

        def ask(text: str, priority: int) -> None:
            work = PromptWork(model=IDENTITY, text=text).model_dump(mode="json")
            job = {"stage": "encode_prompt", "work": work, "priority": priority}
            made = engine.http.post("/jobs", json={"job": job})
            assert made.status_code == 201
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(engine.socket)), base_url="http://engine"
            ) as http:
                events = http.get(f"/jobs/{made.json()['id']}/events", timeout=120).text
            assert "event: done" in events
            order.append(text)

        with ThreadPoolExecutor(4) as callers:
            busy = callers.submit(
                engine.client.first_pass, long_work(), prompt=prompt, items=[], on_step=stepped
            )
            assert running.wait(60)
            batch = callers.submit(ask, "batch", 2)
            while engine.http.get("/").json()["jobs_waiting"] < 1:
                time.sleep(0.05)
            interactive = callers.submit(ask, "interactive", 1)
            while engine.http.get("/").json()["jobs_waiting"] < 2:
                time.sleep(0.05)
            with pytest.raises(Transient, match="2 jobs wait already"):
                small_pass(RemoteEngine(engine.socket))
            for asked in (batch, interactive, busy):
                asked.result()
        assert order == ["interactive", "batch"]


def test_an_engine_that_is_told_to_end_ends_its_work_first() -> None:
    """After SIGTERM the pass at hand is finished and delivered, and no other is taken."""
    with served() as engine:
        prompt = prompt_of(engine.client)
        running = threading.Event()

        def stepped(done: int, total: int) -> None:
            running.set()

        with ThreadPoolExecutor(1) as caller:
            busy = caller.submit(
                engine.client.first_pass, long_work(), prompt=prompt, items=[], on_step=stepped
            )
            assert running.wait(60)
            engine.process.send_signal(signal.SIGTERM)
            while engine.http.get("/ready").json()["state"] != "draining":
                time.sleep(0.05)
            refused = engine.http.post("/jobs", json={"job": {}})
            assert (refused.status_code, refused.json()["message"]) == (
                503,
                "the engine is draining",
            )
            assert len(busy.result()) > 0
        assert engine.process.wait(30) == 0
        assert not engine.socket.exists()


def test_an_engine_that_is_killed_fails_one_try() -> None:
    """SIGKILL in a pass is a transient error; the next engine takes over the socket."""
    with served() as engine:
        prompt = prompt_of(engine.client)

        def kill(done: int, total: int) -> None:
            engine.process.kill()

        with pytest.raises(Transient, match="went away"):
            engine.client.first_pass(long_work(), prompt=prompt, items=[], on_step=kill)
        again = subprocess.Popen(
            [str(LTX), "engine", "--model", "tiny", "--socket", str(engine.socket)],
            stderr=subprocess.DEVNULL,
        )
        try:
            assert small_pass(RemoteEngine(engine.socket))
        finally:
            again.kill()
            again.wait()


@pytest.mark.slow
def test_an_engine_whose_scratch_is_full_serves_what_needs_none() -> None:
    """A job whose inputs cannot be kept is an error of the moment that says so."""
    with served(file_size=1024) as engine:
        prompt = prompt_of(engine.client)
        for _ in range(2):
            with pytest.raises(Transient, match="scratch cannot keep it: File too large"):
                engine.client.first_pass(first_work(), prompt=prompt, items=[], on_step=silent)
            assert prompt_of(engine.client) == prompt


def test_after_a_fault_the_engine_starts_anew() -> None:
    """Running out of memory is one error by its name; the process begins again and serves."""
    with served(memory=6 * 2**30) as engine:
        before = small_pass(engine.client)
        huge = first_work(width=32768, height=32768, frames=257)
        with pytest.raises(EngineFault, match="ran out of memory"):
            engine.client.first_pass(
                huge, prompt=prompt_of(engine.client), items=[], on_step=silent
            )
        assert small_pass(engine.client) == before
        assert engine.process.poll() is None


@pytest.mark.slow
def test_one_socket_has_one_engine(engine: Served, tmp_path: Path) -> None:
    """A second engine on a socket, or one on a file, is one clear error."""
    small_pass(engine.client)
    (tmp_path / "file").write_text("mine")
    for at, said in ((engine.socket, "an engine serves"), (tmp_path / "file", "is no socket")):
        done = subprocess.run(
            [str(LTX), "engine", "--model", "tiny", "--socket", str(at)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("ltx: ")]
        assert said in line
    assert (tmp_path / "file").read_text() == "mine"


def test_a_flow_beside_an_engine_loads_no_torch(
    engine: Served, prefect_server: None, tmp_path: Path
) -> None:
    """The process of a flow run that uses an engine never imports PyTorch."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - set by the fixture

    program = f"""
import sys
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from flows.generate import generate_video
from ltxv.request import parse_request
MediaStore(root={str(tmp_path / "store")!r}).save("engine-test")
LTXModel(checkpoint="tiny", device="cpu").save("engine-test")
request = {{"prompt": "a cat", "resolution": "480p", "aspect_ratio": "1:1", "number_of_frames": 9,
           "first_pass_number_of_steps": 2, "second_pass_number_of_steps": 2,
           "second_pass_skip_initial_steps": 1, "seed": 3}}
made = generate_video(parse_request(request), model="engine-test", store="engine-test")
print(made.model_dump_json())
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "LTX_ENGINE_SOCKET": str(engine.socket),
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        },
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result, loaded = done.stdout.splitlines()
    assert json.loads(result)["seed"] == 3
    assert loaded == "False"
