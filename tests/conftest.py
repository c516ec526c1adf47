"""What the whole suite shares: few threads, no heartbeat floor, one real Prefect server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

# Before anything imports a library that reads them.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from tests.s3_server import s3_server
from tests.stores import kept

__all__ = ["kept", "prefect_server", "s3_server"]

# A shell that starts the suite in the background has it ignore SIGINT, and so would every process
# that a test starts and sends one.
signal.signal(signal.SIGINT, signal.default_int_handler)

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run a real Prefect server with a database of its own for the session.

    Heartbeats are off: ending one costs every flow run up to a second.
    """
    harness = prefect_test_harness(server_startup_timeout=120)
    harness.__enter__()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
    # Seen once: Prefect waited for ever for its events to be sent, when all tests had passed.
    with suppress(TimeoutError), _at_most(seconds=60):
        harness.__exit__(None, None, None)


@contextmanager
def _at_most(*, seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the main thread where something takes longer."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
