"""Content Credentials: who signs, until when, and whether the signature comes about."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from blocks.content_credentials import ContentCredentials
from deployments.doctor.check import Finding, Findings
from deployments.doctor.house import House
from ltxv.media.write import write_video

_SOON = timedelta(days=30)
_REMEDY = "check the LTX Content Credentials block, or switch signing off there"
_CLAIMS: Mapping[str, Any] = {"request": {"media": []}}


def check_credentials(house: House) -> Findings:
    """Have a small clip signed, and look when the certificate ends."""
    found = Findings()
    with found.of("credentials", remedy=_REMEDY):
        block = house.credentials_block()
        if block.sign:
            found.append(_signed(block))
        else:
            found.ok("credentials", "clips are not signed, as the block says")
    return found


def _signed(block: ContentCredentials) -> Finding:
    signer = block.signer
    with tempfile.TemporaryDirectory(prefix="ltx-") as folder:
        clip, signed = Path(folder) / "clip.mp4", Path(folder) / "signed.mp4"
        write_video(np.full((9, 64, 64, 3), 128, np.uint8), clip, frame_rate=8)
        block.seal(clip, signed, claims=_CLAIMS)
    detail = f"{signer.name} signs until {signer.ends:%Y-%m-%d}"
    if signer.ends - datetime.now(UTC) > _SOON:
        return Finding("credentials", "ok", detail)
    remedy = "renew the certificate; from then on every run would fail"
    return Finding("credentials", "warning", detail, remedy)
