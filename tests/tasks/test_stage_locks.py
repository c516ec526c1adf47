"""Stages that are needed twice at the same time."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL

from blocks.media_store import MediaStore
from ltxv.errors import Misconfigured, Transient
from ltxv.refs import Ref
from tasks.ledger import new_ledger
from tasks.stage import Stage, stage
from tasks.stage_key import StageKey
from tests.stores import Kept

WAITED = "waiting for slow_text"


@pytest.fixture
def store(prefect_server: None, kept: Kept) -> MediaStore:
    """A saved store with the shortest leases there are."""
    store = kept.store.model_copy(update={"lease_seconds": 2})
    store.save(f"locks-{time.time_ns()}")
    return store


def slow_text(seconds: float, outcomes: list[Exception | None]) -> Stage[..., Ref]:
    """Return a stage that takes a while, then ends as ``outcomes`` say, one after the other."""

    @stage("encode_prompt", key=["text"])
    def slow_text(*, text: str, store: MediaStore) -> Ref:
        time.sleep(seconds)
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return store.put(text.encode(), folder="texts", suffix="")

    slow_text.task = slow_text.task.with_options(retry_delay_seconds=0, retry_jitter_factor=0)
    return slow_text


def run(function: Callable[[], object]) -> object:
    """Call ``function`` inside a flow run."""
    return flow(function, name="locks-under-test")()


def states(made: Stage[..., Ref], store: MediaStore, *, times: int) -> list[State[Ref]]:
    """Return how equal calls side by side ended, each a flow run of its own."""
    found: list[State[Ref]] = []

    def call() -> None:
        found.append(flow(lambda: made(text="a", store=store))(return_state=True))

    threads = [threading.Thread(target=call) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@contextmanager
def said() -> Iterator[list[str]]:
    """Collect what task runs log."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("prefect.task_runs"), Collect()
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def test_runs_at_the_same_time_make_it_once(store: MediaStore) -> None:
    """Three flow runs get one outcome that was made once, and those that waited said so."""
    outcomes: list[Exception | None] = [None, None, None]
    with said() as lines:
        found = states(slow_text(3, outcomes), store, times=3)
    assert len(outcomes) == 2
    assert len({state.result().sha256 for state in found}) == 1
    assert any(WAITED in line and f"process {os.getpid()} on" in line for line in lines)


def test_the_same_twice_in_one_run_is_made_once(store: MediaStore) -> None:
    """Equal calls side by side do not wait for each other for ever."""
    outcomes: list[Exception | None] = [None, None]
    made = slow_text(0.5, outcomes)
    result = run(lambda: made.each([{"text": "a", "store": store}] * 3))
    assert isinstance(result, list)
    assert result == [result[0]] * 3
    assert len(outcomes) == 1


def test_a_failure_lets_the_next_one_try(store: MediaStore) -> None:
    """Who waited for a run that failed makes it itself."""
    outcomes: list[Exception | None] = [Misconfigured("no GPU"), None]
    found = states(slow_text(1, outcomes), store, times=2)
    assert sorted(state.is_completed() for state in found) == [False, True]
    assert outcomes == []


def test_retries_do_not_stand_in_their_own_way(store: MediaStore) -> None:
    """A stage that failed for the moment gets its own lock again."""
    outcomes: list[Exception | None] = [Transient("busy"), Transient("busy"), None]
    started = time.monotonic()
    run(lambda: slow_text(0, outcomes)(text="a", store=store))
    assert time.monotonic() - started < store.lease_seconds + 10
    assert outcomes == []


def test_nothing_is_left_when_all_is_done(store: MediaStore, kept: Kept) -> None:
    """Neither an outcome nor a failure leaves a lock behind."""
    run(lambda: slow_text(0, [None])(text="a", store=store))
    with pytest.raises(Misconfigured):
        run(lambda: slow_text(0, [Misconfigured("no GPU")])(text="b", store=store))
    keys = kept.keys()
    assert [key for key in keys if key.startswith("leases/")] == []


def test_a_hit_needs_no_lock(store: MediaStore) -> None:
    """What is there is used though somebody holds the lock, as one that makes it anew does."""
    made = slow_text(0, [None])
    run(lambda: made(text="a", store=store))
    lease = store.lease(key_of("a"))
    assert lease.take()
    with new_ledger() as ledger:
        run(lambda: made(text="a", store=store))
    lease.release()
    assert ledger.records["encode_prompt"].state == "cached"


def test_a_store_that_cannot_lock_does_not_stop_a_run(prefect_server: None, tmp_path: Path) -> None:
    """The stage runs, its outcome is kept, and the log warns that it may be made twice."""
    (tmp_path / "leases").write_text("in the way")
    store = MediaStore(root=str(tmp_path))
    store.save(f"locks-{time.time_ns()}")
    made = slow_text(0, [None])
    with said() as lines:
        run(lambda: made(text="a", store=store))
        with new_ledger() as ledger:
            run(lambda: made(text="a", store=store))
    assert any("runs without a lock" in line for line in lines)
    assert ledger.records["encode_prompt"].state == "cached"


def key_of(text: str) -> str:
    """Return the key of a text."""
    policy = StageKey(stage="slow_text", version=1, inputs=("text",))
    return policy.compute_key(None, {"text": text}, {})  # type: ignore[arg-type]


WAITER = """
import sys
from prefect import flow
from blocks.media_store import MediaStore
from ltxv.refs import Ref
from tasks.stage import stage

@stage("encode_prompt", key=["text"])
def slow_text(*, text: str, store: MediaStore) -> Ref:
    return store.put(text.encode(), folder="texts", suffix="")

store = MediaStore(root=sys.argv[1])
flow(lambda: slow_text.each([{"text": "a", "store": store}]), name="waiter")()
"""


def test_a_run_that_waits_can_be_stopped(prefect_server: None, tmp_path: Path) -> None:
    """Ctrl-C ends a run that waits in a thread, soon and without a trace in the store."""
    store = MediaStore(root=str(tmp_path))
    lease = store.lease(key_of("a"))
    assert lease.take()
    command = [sys.executable, "-c", WAITER, store.root]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=loud()) as process:
        assert process.stderr
        for line in process.stderr:
            if WAITED in line:
                break
        process.send_signal(signal.SIGINT)
        stopped = time.monotonic()
        process.communicate(timeout=60)
        assert time.monotonic() - stopped < 10
    assert process.returncode != 0
    lease.release()
    assert not store.has_result(key_of("a"))


def loud() -> dict[str, str]:
    """Return an environment that reaches the tests' server and logs to the console."""
    return {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
    }
