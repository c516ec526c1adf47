"""Who is at work on what: claims on names in a store, which end by themselves with their holder.

A lease is a small file that its holder writes anew all the time. Whoever finds the same content
for a whole term, by a clock of its own, takes it over; no two clocks are compared. The only thing
asked of a place is to create a file only where there is none. A holder that was taken over from
while it lived, by a pause or a cut network, may work beside the new one: what leases guard must
stay right when it is done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
import time
import uuid
from typing import Any

from prefect.logging import get_logger

from blocks.media_store.backend import Backend
from blocks.media_store.keys import LEASES
from ltxv.errors import LTXError

_RENEWALS = 6
"""Renewals in a term: one may fail, or be late, without loss."""

_LAST_RENEWAL_SECONDS = 5
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Lease:
    """One party's try at a name, and its hold on it once it has it."""

    def __init__(self, backend: Backend, name: str, *, term: float) -> None:
        self._backend = backend
        self._name = name
        self._key = f"{LEASES}/{name}"
        self._term = term
        self._token = uuid.uuid4().hex
        self._renewals = 0
        self._seen: bytes | None = None
        self._seen_since = 0.0
        self._released = threading.Event()
        self._renewing: threading.Thread | None = None

    @property
    def holder(self) -> str:
        """Who had it when it was last tried for, as far as is known."""
        found = _loaded(self._seen or b"")
        host, process = str(found.get("host")), found.get("process")
        known = _PLAIN.fullmatch(host) and isinstance(process, int)
        return f"process {process} on {host}" if known else "another process"

    def take(self) -> bool:
        """Try to get it, without waiting; to be called again and again where it is not free.

        Raises:
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached.
        """
        found = self._read()
        if found is None:
            self._backend.create(self._key, self._content())
        elif not self._is_dead(found) or not self._take_over(found):
            return False
        # Read back: a server may not know how to create only where there is nothing, and a try
        # that was answered too late is made again and then fails.
        found = self._read()
        if not self._is_mine(found):
            self._is_dead(found)
            return False
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewing.start()
        return True

    def release(self) -> None:
        """Let others have it; does nothing if it is not held.

        Raises:
            Misconfigured: The store cannot be written to.
            Transient: The store cannot be reached; it is free once its term is over.
        """
        if self._renewing is None:
            return
        self._released.set()
        self._renewing.join(_LAST_RENEWAL_SECONDS)
        self._renewing = None
        if self._is_mine(self._read()):
            self._backend.remove(self._key)

    def _is_dead(self, content: bytes | None) -> bool:
        """Say whether a lease had the same content for a term, as seen from here."""
        if content != self._seen:
            self._seen, self._seen_since = content, time.monotonic()
        return time.monotonic() - self._seen_since >= self._term

    def _take_over(self, dead: bytes) -> bool:
        """Put this lease in the place of one that ended; one party only can, for each such one."""
        claim = f"{self._key}.{hashlib.sha256(dead).hexdigest()[:16]}"
        if not self._backend.create(claim, self._content()):
            if time.monotonic() - self._seen_since > 2 * self._term:  # its maker died as well
                self._backend.remove(claim)
            return False
        try:
            if self._read() != dead:
                return False
            self._write()
        finally:
            self._backend.remove(claim)
        return True

    def _renew(self) -> None:
        while not self._released.wait(self._term / _RENEWALS):
            try:
                if not self._is_mine(self._read()):
                    _warn("the lease on %s was taken over; its stage may run twice", self._name)
                    return
                self._renewals += 1
                self._write()
            except LTXError as error:
                _warn("the lease on %s is not renewed: %s", self._name, error)

    def _is_mine(self, content: bytes | None) -> bool:
        return _loaded(content or b"").get("token") == self._token

    def _read(self) -> bytes | None:
        try:
            return self._backend.read(self._key)
        except FileNotFoundError:
            return None

    def _write(self) -> None:
        self._backend.write(self._key, self._content(), content_type="application/json")

    def _content(self) -> bytes:
        about = {"host": socket.gethostname(), "process": os.getpid()}
        return json.dumps({"token": self._token, "renewals": self._renewals, **about}).encode()


def _warn(text: str, *values: object) -> None:
    get_logger("media_store").warning(text, *values)


def _loaded(content: bytes) -> dict[str, Any]:
    """Return what a lease says; nothing for one that is damaged or not yet written."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
