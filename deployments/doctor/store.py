"""The store: written, read, published and cleaned up again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import httpx

from blocks.media_store import MediaStore
from deployments.doctor.check import Finding, Findings
from deployments.doctor.house import House
from ltxv.errors import Misconfigured

_REMEDY = "check the MediaStore block"
_SECONDS = 10.0
_BYTES = 32


def check_store(house: House) -> Findings:
    """Keep and read back a few bytes, open the address of a published file, remove both."""
    found = Findings()
    with found.of("store", remedy=_REMEDY):
        store = house.store_block()
        probe = os.urandom(_BYTES)
        ref = store.put(probe, folder="doctor", suffix=".bin")
        try:
            if store.get(ref) != probe:
                raise Misconfigured(f"{store.root} gave other bytes back; {_REMEDY}")
        finally:
            store.remove(ref.path)
        found.ok("store", f"{store.root} keeps, gives back and removes")
        with found.of("store address", remedy="check the block's public_base_url and region"):
            found.append(_address(store, probe))
    return found


def _address(store: MediaStore, probe: bytes) -> Finding:
    name = f"doctor/{probe.hex()}.bin"
    with tempfile.TemporaryDirectory(prefix="ltx-") as folder:
        file = Path(folder) / "probe.bin"
        file.write_bytes(probe)
        published = store.publish(file, name=name, content_type="application/octet-stream")
    try:
        if published.url.startswith("file:"):
            detail = "file:// addresses, which open on this machine only"
            return Finding("store address", "ok", detail)
        answer = httpx.get(published.url, timeout=_SECONDS, follow_redirects=True)
        if answer.content != probe:
            raise RuntimeError(f"a published file does not open: {answer.status_code}")
        return Finding("store address", "ok", "a published file opens")
    finally:
        store.remove(f"outputs/{name}")
