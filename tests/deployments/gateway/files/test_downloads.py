"""Files that are opened, and those that are not to be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from blocks.media_store import MediaStore
from blocks.uploads import Uploads
from deployments.gateway.access.caller import NOBODY, Caller
from deployments.gateway.access.key_ring import KeyRing
from deployments.gateway.files.own import with_own_files, with_public_file
from ltxv.errors import Refused
from ltxv.request import parse_request
from tests.deployments.gateway.houses import HERE, gateway, house_of
from tests.stores import Kept, in_folder

CLIP = bytes(range(256)) * 4
LIFECYCLE = "x-fal-object-lifecycle"


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """A store in a folder."""
    return in_folder(tmp_path / "store").store


def send(door: TestClient, key: str = "", **headers: str) -> str:
    """Send a clip, and return its address."""
    told = {"authorization": f"Key {key}"} if key else {}
    named = {"content-type": "video/mp4", "x-fal-file-name": "clip.mp4"}
    lifecycle = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = door.post("/media/files/upload", content=CLIP, headers={**told, **named, **lifecycle})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_url"])


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=0-99999", 0, 1024),
        ("bytes=-99999", 0, 1024),
    ],
)
def test_a_range_is_sent(kept: Kept, asked: str, start: int, stop: int) -> None:
    """A player seeks in a clip without the whole of it."""
    door = gateway(kept.store)
    answer = door.get(send(door), headers={"range": asked})
    assert answer.content == CLIP[start:stop]
    if (start, stop) != (0, 1024):
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(store: MediaStore, asked: str) -> None:
    """With its size."""
    door = gateway(store)
    answer = door.get(send(door), headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */1024"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=-", "bytes=x-y", "bytes=²-³"]
)
def test_nonsense_is_answered_by_all_of_it(store: MediaStore, asked: str) -> None:
    """As HTTP has it."""
    door = gateway(store)
    answer = door.get(send(door), headers={"range": asked.encode("latin-1")})
    assert (answer.status_code, answer.content) == (200, CLIP)


def test_a_file_that_is_known_is_not_sent_again(store: MediaStore) -> None:
    """By its etag, and a range only of the file that is meant."""
    door = gateway(store)
    address = send(door)
    etag = door.head(address).headers["etag"]
    assert door.get(address, headers={"if-none-match": etag}).status_code == 304
    ranged = {"range": "bytes=0-9", "if-range": etag}
    assert door.get(address, headers=ranged).status_code == 206
    assert door.get(address, headers={**ranged, "if-range": '"x"'}).status_code == 200
    head = door.head(address)
    assert (head.headers["content-length"], head.content) == ("1024", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/media/files/{id}/other.mp4",
        "/media/files/{id}/..%2f..%2fgateway%2fkeys",
        "/media/files/{id}/%2e%2e/clip.mp4",
        "/media/files/" + "0" * 32 + "/clip.mp4",
        "/media/files/..%2f..%2fresults/x",
        "/media/outputs/" + "0" * 32 + "/uploads/{id}/clip.mp4",
        "/media/outputs/" + "0" * 32 + "/../gateway/keys/x.json",
        "/media/results/x",
        "/media/gateway/keys/x.json",
    ],
)
def test_no_path_leaves_the_public_files(store: MediaStore, path: str) -> None:
    """Whatever is asked for: it is not there."""
    door = gateway(store)
    id_ = send(door).split("/")[-2]
    assert door.get(path.replace("{id}", id_)).status_code == 404


def test_what_is_no_picture_or_clip_is_saved_not_shown(store: MediaStore) -> None:
    """A browser runs nothing that a stranger sent, on the gateway's own host."""
    door = gateway(store)
    headers = {"content-type": "text/plain", "x-fal-file-name": "a.html"}
    sent = door.post("/media/files/upload", content=b"<script>", headers=headers).json()
    answer = door.get(sent["access_url"])
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_file_ends_when_its_sender_said(kept: Kept) -> None:
    """It opens no more, is no input any more, and upkeep frees its place."""
    door = gateway(kept.store)
    address = send(door, x_fal_object_lifecycle='{"expiration_duration_seconds": 3600}')
    uploads = Uploads(kept.store)
    upload = uploads.find(address.split("/")[-2])
    assert upload is not None
    assert upload.expires is not None
    left = upload.expires - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert uploads.remove_ended().files == 0
    uploads.keep(upload.model_copy(update={"expires": datetime.now(UTC)}))
    assert door.get(address).status_code == 404
    with pytest.raises(Refused, match="upload it again"):
        with_own_files(_asking(address), house_of(kept.store), asks=NOBODY)
    assert uploads.remove_ended(dry_run=True) == (1, 1024)
    assert uploads.remove_ended() == (1, 1024)
    assert "outputs/" not in " ".join(kept.keys())


@pytest.mark.parametrize("told", ["x", "[]", '{"expiration_duration_seconds": -1}', "[" * 9999])
def test_a_lifecycle_that_is_none_is_refused(store: MediaStore, told: str) -> None:
    """With what it should be."""
    headers = {LIFECYCLE: told, "content-type": "video/mp4"}
    answer = gateway(store).post("/media/files/upload", content=CLIP, headers=headers)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "bad_request")


def test_a_file_is_deleted_by_its_owner_alone(store: MediaStore) -> None:
    """To others it is not there."""
    ring = KeyRing(store)
    alice, bob = (ring.create(name, scope="user").key for name in ("alice", "bob"))
    door = gateway(store)
    address = send(door, alice)
    for key, status in ((bob, 404), (alice, 204), (alice, 404)):
        headers = {"authorization": f"Key {key}"}
        assert door.delete(address, headers=headers).status_code == status
    assert door.get(address).status_code == 404


def test_a_sender_says_who_may_open_a_file(store: MediaStore) -> None:
    """`hide` and `forbid` close an address to others; single keys may be let in."""
    ring = KeyRing(store)
    alice, bob, carol = (ring.create(name, scope="user") for name in ("alice", "bob", "carol"))
    door = gateway(store)
    for default, status in (("hide", 404), ("forbid", 403)):
        rules = [{"user": carol.record.id, "decision": "allow"}]
        told = json.dumps({"initial_acl": {"default": default, "rules": rules}})
        address = send(door, alice.key, x_fal_object_lifecycle_preference=told)
        assert door.get(address).status_code == status
        for made, expected in ((alice, 200), (bob, status), (carol, 200)):
            headers = {"authorization": f"Key {made.key}"}
            assert door.get(address, headers=headers).status_code == expected
        asks = Caller(bob.record.id, "user")
        with pytest.raises(Refused, match="upload your own"):
            with_own_files(_asking(address), house_of(store), asks=asks)


def test_a_request_may_name_what_was_uploaded(kept: Kept, tmp_path: Path) -> None:
    """The gateway's own address, private as it is, is opened by the flow in the store."""
    door = gateway(kept.store)
    address = send(door)
    for url in (address, address.replace(HERE, "https://elsewhere.example/"[:-1])):
        asked = with_own_files(_asking(url), house_of(kept.store), asks=NOBODY)
        [source] = asked.media
        kept.store.fetch(source.url, tmp_path / "clip", loc=source.loc)
        assert (tmp_path / "clip").read_bytes() == CLIP


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/media/files/" + "0" * 32 + "/clip.mp4",
        "https://example.com/clip.mp4",
        "https://[/media/files/x",
        "data:video/mp4;base64,AAAA",
    ],
)
def test_other_addresses_stay_as_they_are(store: MediaStore, url: str) -> None:
    """Only what is here is taken from here."""
    [source] = with_own_files(_asking(url), house_of(store), asks=NOBODY).media
    assert source.url == url


def test_a_result_opens_by_the_address_that_its_caller_is_given(kept: Kept, tmp_path: Path) -> None:
    """Through the gateway for a folder, signed for a bucket; also as an input of the next one."""
    clip = tmp_path / "cat.mp4"
    clip.write_bytes(CLIP)
    made = kept.store.publish(clip, name="a cat-7.mp4", content_type="video/mp4")
    house = house_of(kept.store)
    media = f"{HERE}/media"
    result = {"video": made.model_dump(), "seed": 7}
    file = with_public_file(result, store=kept.store, seal=house.seal, media=media)["video"]
    assert file["file_name"] == "a cat-7.mp4"
    if kept.store.root.startswith("s3://"):
        assert "X-Amz-Signature" in file["url"]
        return
    door = gateway(kept.store)
    opened = door.get(file["url"], headers={"range": "bytes=0-3"})
    assert opened.content == CLIP[:4]
    assert opened.headers["content-type"] == "video/mp4"
    [source] = with_own_files(_asking(file["url"]), house, asks=NOBODY).media
    kept.store.fetch(source.url, tmp_path / "again", loc=source.loc)
    assert door.get(file["url"].replace("cat-7", "cat-8")).status_code == 404


def _asking(url: str) -> Any:
    return parse_request({"prompt": "a cat", "videos": [{"video_url": url}]})
