"""Who signs what a flow makes."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blocks.content_credentials import ContentCredentials
from ltxv.inspection import inspect_clip
from ltxv.result import VideoResult
from tests.flows.conftest import House


def path_of(result: VideoResult) -> Path:
    """Return the file that the result's URL names."""
    return Path(unquote(urlsplit(result.video.url).path))


def test_another_signer_signs_the_same_latents_again(house: House) -> None:
    """A change of signer runs the last stages only; no key is in anything the store keeps."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    block = ContentCredentials().with_development_identity()
    block.save(name)
    ContentCredentials(sign=False).save(f"{name}-off")
    unsigned = replace(house, credentials=f"{name}-off").make()
    assert inspect_clip(path_of(unsigned)).credentials.state == "absent"
    signed = replace(house, credentials=name).make()
    assert inspect_clip(path_of(signed)).credentials.state == "valid"
    states = {record.name: record.state for record in signed.stages}
    assert (states["second_pass"], states["write_video"]) == ("cached", "ran")
    assert block.key is not None
    secret = block.key.get_secret_value().splitlines()[1].encode()
    kept = [file for file in house.root.rglob("*") if file.is_file()]
    assert kept
    assert not any(secret in file.read_bytes() for file in kept)
