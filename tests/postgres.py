"""A Postgres server as a plain process, for a Prefect server that is to have one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.ports import free_port
from tests.programs import program

_OURS = ("pytest-", "popen-", "ltx-bench-")
_READY_SECONDS = 60


class Postgres:
    """A new database in an empty folder, not served as root.

    Args:
        folder: Empty, and below a temporary one.
        fsync: Whether what is written has to survive the machine.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            for place in folder.parents[:3]:
                if place.name.startswith(_OURS):
                    place.chmod(0o755)  # so that the other user comes to its folder
            shutil.chown(folder, self._user)
        self._port, data = free_port(), folder / "data"
        self.address = f"postgresql+asyncpg://prefect@127.0.0.1:{self._port}/postgres"
        """For Prefect."""
        trust = [program("initdb"), "-D", str(data), "-U", "prefect", "-A", "trust", "-N"]
        subprocess.run(trust, user=self._user, check=True, stdout=subprocess.DEVNULL)
        self._command = [
            *[program("postgres"), "-D", str(data), "-p", str(self._port), "-k", str(folder)],
            *["-c", "listen_addresses=127.0.0.1", "-c", f"fsync={'on' if fsync else 'off'}"],
        ]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve it, and wait until it answers."""
        ready = [program("pg_isready"), "-h", "127.0.0.1", "-p", str(self._port), "-q"]
        until = time.monotonic() + _READY_SECONDS
        while subprocess.call(ready) != 0:
            assert time.monotonic() < until, self._log.read_text()
            if self._process is None or self._process.poll() is not None:
                # Again, where what an earlier one left is not gone yet.
                self._process = self._begun()
            time.sleep(0.2)

    def _begun(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, user=self._user, stdout=log, stderr=log)

    def end(self) -> None:
        """Let it end as it should."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)

    def kill(self) -> None:
        """End it by SIGKILL, with all that serves its connections."""
        if self._process is not None:
            left = psutil.Process(self._process.pid).children()
            self._process.kill()  # first, or it puts others in the place of those
            self._process.wait()
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=_READY_SECONDS)


@contextmanager
def serving_postgres(folder: Path, *, fsync: bool = False) -> Iterator[Postgres]:
    """Serve a new database while inside; see ``Postgres``."""
    one = Postgres(folder, fsync=fsync)
    try:
        one.start()
        yield one
    finally:
        one.end()
