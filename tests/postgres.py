"""A Postgres server as a plain process, for a Prefect server that is to have one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.programs import program

_OURS = ("pytest-", "popen-", "ltx-bench-")
_READY_SECONDS = 60


@contextmanager
def serving_postgres(folder: Path, *, fsync: bool = False) -> Iterator[str]:
    """Serve a new database in an empty folder, not as root, and give its address for Prefect.

    Args:
        folder: Empty, and below a temporary one.
        fsync: Whether what is written has to survive the machine.
    """
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        for place in folder.parents[:3]:
            if place.name.startswith(_OURS):
                place.chmod(0o755)  # so that the other user comes to its folder
        shutil.chown(folder, user)
    port, data = free_port(), folder / "data"
    trust = [program("initdb"), "-D", str(data), "-U", "prefect", "-A", "trust", "-N"]
    subprocess.run(trust, user=user, check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen(
        [
            *[program("postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)],
            *["-c", "listen_addresses=127.0.0.1", "-c", f"fsync={'on' if fsync else 'off'}"],
        ],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait_for(port: int) -> None:
    ready = [program("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    until = time.monotonic() + _READY_SECONDS
    while subprocess.call(ready) != 0:
        assert time.monotonic() < until, "no Postgres"
        time.sleep(0.2)
