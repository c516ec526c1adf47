"""How much a key's files may take together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from blocks.media_store import MediaStore
from blocks.upload_room import UploadRoom
from blocks.uploads import Uploads, new_upload_id
from deployments.gateway.access.key_record import KeyLimits
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.failures import Failure
from deployments.gateway.files.room import Room
from tests.deployments.gateway.files.test_uploads import INITIATE, PARTS, held, js_part
from tests.deployments.gateway.houses import gateway
from tests.stores import Kept, in_folder

FILE = bytes(range(250)) * 40
LIMIT = 25_000


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """A store in a folder."""
    return in_folder(tmp_path / "store").store


def limited(store: MediaStore) -> tuple[TestClient, str]:
    """A gateway as the holder of a key with a limit meets it, and the id of the key."""
    made = KeyRing(store).create("alice", scope="user", limits=KeyLimits(upload_bytes=LIMIT))
    door = gateway(store)
    door.headers["authorization"] = f"Key {made.key}"
    return door, made.record.id


def used(store: MediaStore, owner: str) -> int:
    return sum(UploadRoom(store).sizes(owner).values())


def send(door: TestClient, content: Any = FILE) -> Any:
    headers = {"content-type": "video/mp4", "x-fal-file-name": "clip.mp4"}
    return door.post("/media/files/upload", content=content, headers=headers)


def test_a_key_keeps_so_much_and_no_more(kept: Kept) -> None:
    """What would be too much is 403 with the limit and a remedy; a deletion makes room."""
    door, _ = limited(kept.store)
    first, second = send(door), send(door)
    assert (first.status_code, second.status_code) == (200, 200)
    before = held(kept.store)
    more = send(door)
    assert (more.status_code, more.json()["error_type"]) == (403, "storage_limit")
    assert str(LIMIT) in more.json()["message"]
    assert more.headers["x-fal-retryable"] == "false"
    assert held(kept.store) == before
    assert door.delete(first.json()["access_url"]).status_code == 204
    assert send(door).status_code == 200


def test_a_body_of_unknown_length_ends_where_the_place_does(store: MediaStore) -> None:
    """Nothing of it is left; a key without a limit sends as much as it likes."""
    door, _ = limited(store)
    before = held(store)

    def endless() -> Iterator[bytes]:
        yield from (FILE for _ in range(10))

    assert send(door, endless()).status_code == 403
    assert held(store) == before
    door.headers["authorization"] = f"Key {KeyRing(store).create('bob', scope='user').key}"
    assert send(door, endless()).status_code == 200


def test_parts_count_as_they_come_and_once_when_they_are_joined(store: MediaStore) -> None:
    """A part that is sent again counts once as well; a full key begins no upload."""
    door, owner = limited(store)
    begun = door.post(PARTS, json={"content_type": "video/mp4"}).json()
    told = [door.put(js_part(begun, number), content=FILE).json() for number in ("1", "2", "2")]
    assert used(store, owner) == 2 * len(FILE)
    assert door.put(js_part(begun, "3"), content=FILE).status_code == 403
    done = door.post(js_part(begun, "complete"), json={"parts": told[:2]})
    assert done.status_code == 200, done.text
    assert used(store, owner) == 2 * len(FILE)
    assert send(door, FILE[: LIMIT - 2 * len(FILE)]).status_code == 200
    for path in (INITIATE, PARTS):
        assert door.post(path, json={"content_type": "video/mp4"}).status_code == 403


def test_files_that_come_together_are_counted_together(store: MediaStore) -> None:
    """Of two that both fit alone, one is taken."""
    limits = KeyLimits(upload_bytes=LIMIT)
    owner = KeyRing(store).create("alice", scope="user", limits=limits).record.id

    async def story() -> int:
        room = Room(store, KeyRing(store))
        async with room.taking(owner, new_upload_id()) as one:
            one(LIMIT - 1000)
            with pytest.raises(Failure, match="may keep"):
                async with room.taking(owner, new_upload_id()) as other:
                    other(1001)
        return used(store, owner)

    assert asyncio.run(story()) == LIMIT - 1000


def test_upkeep_gives_the_place_of_files_back_whose_time_is_over(store: MediaStore) -> None:
    """Until then they count, for their bytes are there."""
    door, owner = limited(store)
    sent = send(door).json()["access_url"]
    uploads = Uploads(store)
    upload = uploads.find(sent.split("/")[-2])
    assert upload is not None
    uploads.keep(upload.model_copy(update={"expires": datetime.now(UTC)}))
    assert used(store, owner) == len(FILE)
    uploads.remove_ended()
    assert used(store, owner) == 0
