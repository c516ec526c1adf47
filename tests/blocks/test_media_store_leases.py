"""Leases: one party at a time, whatever becomes of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from blocks.media_store import MediaStore
from ltxv.errors import Misconfigured
from tests.s3_server import S3Server
from tests.stores import Kept, in_bucket

NAME = "first_pass/ab12"
TERM = 2


@pytest.fixture
def store(kept: Kept) -> MediaStore:
    """A store whose leases last for the shortest term there is."""
    return kept.store.model_copy(update={"lease_seconds": TERM})


def keep_trying(store: MediaStore, *, seconds: float) -> bool:
    """Say whether a lease could be had within a while."""
    lease = store.lease(NAME)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if lease.take():
            lease.release()
            return True
        time.sleep(0.05)
    return False


def settings_of(store: MediaStore) -> dict[str, object]:
    """Return what another process needs to use the same store."""
    assert store.key is None or store.secret is not None
    return {
        "root": store.root,
        "endpoint_url": store.endpoint_url,
        "region": store.region,
        "key": store.key and store.key.get_secret_value(),
        "secret": store.secret and store.secret.get_secret_value(),
        "lease_seconds": store.lease_seconds,
    }


@contextmanager
def holder_elsewhere(store: MediaStore) -> Iterator[subprocess.Popen[str]]:
    """Hold the lease in another process until that is killed."""
    code = """
import sys, time
from blocks.media_store import MediaStore
lease = MediaStore.model_validate_json(sys.argv[1]).lease(sys.argv[2])
print(lease.take(), flush=True)
time.sleep(600)
"""
    text = json.dumps(settings_of(store))
    command = [sys.executable, "-c", code, text, NAME]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


def test_one_party_at_a_time_has_it(store: MediaStore) -> None:
    """A second one gets it once the first has given it up, and leaves nothing behind."""
    first, second = store.lease(NAME), store.lease(NAME)
    assert first.take()
    assert not second.take()
    assert f"process {os.getpid()} on " in second.holder
    first.release()
    assert second.take()
    second.release()


def test_a_lease_that_was_released_leaves_nothing(kept: Kept) -> None:
    """The store is as empty as before."""
    lease = kept.store.lease(NAME)
    lease.take()
    lease.release()
    assert kept.keys() == []


def test_of_many_one_gets_it(store: MediaStore) -> None:
    """Eight that try at the same moment do not share it."""
    leases = [store.lease(NAME) for _ in range(8)]
    together = threading.Barrier(len(leases))
    with ThreadPoolExecutor(len(leases)) as pool:
        got = list(pool.map(lambda lease: (together.wait(), lease.take())[1], leases))
    assert got.count(True) == 1
    leases[got.index(True)].release()


def test_a_live_holder_keeps_it(store: MediaStore) -> None:
    """It is renewed for as long as its holder lives, though that is longer than the term."""
    lease = store.lease(NAME)
    assert lease.take()
    assert not keep_trying(store, seconds=2.5 * TERM)
    lease.release()


def test_a_killed_holder_loses_it(store: MediaStore) -> None:
    """After SIGKILL it is free within twice the term, and not before the term is over."""
    with holder_elsewhere(store) as process:
        assert not keep_trying(store, seconds=TERM)
        process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        assert keep_trying(store, seconds=2 * TERM)
        assert time.monotonic() - killed > TERM / 2


def test_of_many_one_gets_what_a_dead_holder_had(kept: Kept, store: MediaStore) -> None:
    """Eight that have waited for the term take it over at once; one succeeds, nothing is left."""
    kept.write(f"leases/{NAME}", b"of nobody we know")
    leases = [store.lease(NAME) for _ in range(8)]
    assert not any(lease.take() for lease in leases)
    time.sleep(TERM + 0.2)
    together = threading.Barrier(len(leases))
    with ThreadPoolExecutor(len(leases)) as pool:
        got = list(pool.map(lambda lease: (together.wait(), lease.take())[1], leases))
    assert got.count(True) == 1
    leases[got.index(True)].release()
    assert kept.keys() == []


def test_a_death_while_taking_over_frees_it_too(kept: Kept, store: MediaStore) -> None:
    """Two that died one after the other, the second just before it had it, block nobody long."""
    dead = b"of nobody we know"
    kept.write(f"leases/{NAME}", dead)
    kept.write(f"leases/{NAME}.{hashlib.sha256(dead).hexdigest()[:16]}", dead)
    assert keep_trying(store, seconds=3 * TERM)
    assert kept.keys() == []


def test_a_holder_that_was_taken_over_leaves_the_new_one_alone(store: MediaStore) -> None:
    """A process that was stopped for long neither renews nor removes what is no longer its own."""
    with holder_elsewhere(store) as process:
        process.send_signal(signal.SIGSTOP)
        lease = store.lease(NAME)
        deadline = time.monotonic() + 3 * TERM
        while not lease.take():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        assert not keep_trying(store, seconds=1.5 * TERM)
        lease.release()
    assert keep_trying(store, seconds=1)


def test_a_server_without_conditions_still_keeps_later_ones_out(
    s3_server: S3Server, httpserver: HTTPServer
) -> None:
    """Where S3 does not heed If-None-Match, whoever comes while it is held does not get it."""

    def forward(request: Request) -> Response:
        headers = {name: value for name, value in request.headers if name != "If-None-Match"}
        answer = httpx.request(
            request.method,
            f"{s3_server.endpoint}{request.full_path.removesuffix('?')}",
            headers=headers,
            content=request.get_data(),
        )
        kept = ("Content-Type", "Content-Length", "ETag", "Last-Modified")
        headers = {name: answer.headers[name] for name in kept if name in answer.headers}
        return Response(answer.content, answer.status_code, headers)

    httpserver.expect_request("").respond_with_handler(forward)
    kept = in_bucket(s3_server, lease_seconds=TERM)
    store = kept.store.model_copy(update={"endpoint_url": httpserver.url_for("")})
    first, second = store.lease(NAME), store.lease(NAME)
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()  # or its renewals would go on while later tests count requests


def test_a_store_that_cannot_be_written_to_says_so(kept: Kept) -> None:
    """A file where the folder of leases should be is the operator's fault."""
    if not kept.store.root.startswith("s3://"):
        kept.write("leases", b"in the way")
        with pytest.raises(Misconfigured):
            kept.store.lease(NAME).take()
