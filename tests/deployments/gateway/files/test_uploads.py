"""Uploads, byte for byte as both clients send them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from blocks.media_store import MediaStore
from blocks.uploads import Uploads
from deployments.gateway.access.key_ring import KeyRing
from tests.deployments.gateway.houses import gateway
from tests.stores import Kept, in_folder

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 40
INITIATE = "/rest/storage/upload/initiate?storage_type=fal-cdn-v3"
PARTS = "/rest/storage/upload/initiate-multipart?storage_type=fal-cdn-v3"
TOKEN = "/rest/storage/auth/token?storage_type=fal-cdn-v3"


@pytest.fixture
def store(tmp_path: Any) -> MediaStore:
    """A store in a folder."""
    return in_folder(tmp_path / "store").store


def begin(door: TestClient, path: str = INITIATE, **fields: Any) -> dict[str, str]:
    told = {"content_type": "image/jpeg", "file_name": "cat.jpg", **fields}
    answer = door.post(path, json=told)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def js_part(begun: dict[str, str], last: str) -> str:
    """The address of a part as the JavaScript client makes it."""
    parts = urlsplit(begun["upload_url"])
    return f"{parts.scheme}://{parts.netloc}{parts.path}/{last}?{parts.query}"


def held(store: MediaStore) -> set[str]:
    """Every file in the store, the keys left out."""
    names = store.own_place("outputs").names()
    private = store.own_place("gateway").names()
    return {*names, *(name for name in private if not name.startswith("keys/"))}


def test_the_javascript_client_sends_a_file(kept: Kept) -> None:
    """It asks where to, PUTs there without its key, and the file's address opens it."""
    door = gateway(kept.store)
    begun = begin(door)
    put = door.put(begun["upload_url"], content=PICTURE, headers={"content-type": "image/jpeg"})
    assert put.status_code == 200
    assert put.headers["content-type"] == "application/json"
    opened = door.get(begun["file_url"])
    assert opened.content == PICTURE
    assert opened.headers["content-type"] == "image/jpeg"
    assert opened.headers["content-length"] == str(len(PICTURE))
    assert opened.headers["x-content-type-options"] == "nosniff"
    assert "cat.jpg" in opened.headers["content-disposition"]


def test_the_javascript_client_sends_a_file_in_parts(kept: Kept) -> None:
    """Each part answers with its number and etag as JSON; they are joined in order."""
    door = gateway(kept.store)
    begun = begin(door, PARTS)
    pieces = [PICTURE[:4000], PICTURE[4000:8000], PICTURE[8000:]]
    told = []
    for number in (3, 1, 2):
        answer = door.put(js_part(begun, str(number)), content=pieces[number - 1])
        assert answer.headers["content-type"] == "application/json"
        told.append(answer.json())
    assert {entry["partNumber"] for entry in told} == {1, 2, 3}
    done = door.post(js_part(begun, "complete"), json={"parts": told})
    assert done.status_code == 200
    assert door.get(begun["file_url"]).content == PICTURE
    again = door.post(js_part(begun, "complete"), json={"parts": told})
    assert again.status_code == 200  # its first answer may have got lost
    assert "gateway/parts" not in " ".join(kept.keys())


def test_the_python_client_sends_a_file(kept: Kept) -> None:
    """With a token that it asked for, to the host of the files."""
    key = KeyRing(kept.store).create("alice", scope="user").key
    door = gateway(kept.store)
    token = door.post(TOKEN, json={}, headers={"authorization": f"Key {key}"}).json()
    assert token["base_url"] == "http://127.0.0.1:8000/media"
    headers = {
        "authorization": f"{token['token_type']} {token['token']}",
        "content-type": "image/jpeg",
        "x-fal-file-name": "cat.jpg",
    }
    sent = door.post("/media/files/upload", content=PICTURE, headers=headers)
    assert door.get(sent.json()["access_url"]).content == PICTURE
    refused = door.post("/media/files/upload", content=PICTURE)
    assert refused.status_code == 401


def test_the_python_client_sends_a_file_in_parts(store: MediaStore) -> None:
    """Parts come in any order, the etag in a header, and the list of them is not sorted."""
    key = KeyRing(store).create("alice", scope="user").key
    door = gateway(store)
    token = door.post(TOKEN, json={}, headers={"authorization": f"Key {key}"}).json()
    headers = {"authorization": f"Bearer {token['token']}", "content-type": "video/mp4"}
    named = {**headers, "x-fal-file-name": "clip.mp4"}
    begun = door.post(f"{token['base_url']}/files/upload/multipart", headers=named).json()
    base = f"{begun['access_url']}/multipart/{begun['uploadId']}"
    clip = bytes(index * index % 251 for index in range(50_000))
    parts = []
    for number in (4, 2, 5, 1, 3):
        piece = clip[(number - 1) * 10_000 : number * 10_000]
        answer = door.put(f"{base}/{number}", content=piece, headers=headers)
        parts.append({"partNumber": number, "etag": answer.headers["etag"]})
    done = door.post(f"{base}/complete", json={"parts": parts}, headers=headers)
    assert done.json()["access_url"] == begun["access_url"]
    assert door.get(begun["access_url"]).content == clip


def test_the_hosts_of_the_service_are_those_of_the_addresses(store: MediaStore) -> None:
    """A client that reaches the gateway by the service's names is sent to them."""
    door = gateway(store, "https://rest.fal.ai")
    begun = door.post(INITIATE.removeprefix("/rest"), json={"file_name": "cat.jpg"}).json()
    assert begun["upload_url"].startswith("https://v3.fal.media/upload/")
    assert door.put(begun["upload_url"], content=PICTURE).status_code == 200
    assert door.get(begun["file_url"]).content == PICTURE


def test_a_broken_upload_goes_on(store: MediaStore) -> None:
    """What arrived is listed, a part may be sent again, and what is missing is named."""
    door = gateway(store)
    begun = begin(door, PARTS)
    first = door.put(js_part(begun, "1"), content=b"wrong").json()
    first = door.put(js_part(begun, "1"), content=PICTURE[:5000]).json()
    there = door.get(begun["upload_url"]).json()
    assert there == {"parts": [{"partNumber": 1, "size": 5000}]}
    missing = {"partNumber": 2, "etag": "0" * 64}
    early = door.post(js_part(begun, "complete"), json={"parts": [first, missing]})
    assert early.status_code == 422
    assert "part 2" in early.json()["message"]
    assert door.get(begun["file_url"]).status_code == 404
    second = door.put(js_part(begun, "2"), content=PICTURE[5000:]).json()
    damaged = {**second, "etag": first["etag"]}
    refused = door.post(js_part(begun, "complete"), json={"parts": [first, damaged]})
    assert refused.status_code == 422
    done = door.post(js_part(begun, "complete"), json={"parts": [second, first]})
    assert done.status_code == 200
    assert door.get(begun["file_url"]).content == PICTURE


def test_an_address_takes_one_file(store: MediaStore) -> None:
    """The same bytes sent again are welcome, for a connection may drop; others are not."""
    door = gateway(store)
    begun = begin(door)
    assert door.put(begun["upload_url"], content=PICTURE).status_code == 200
    assert door.put(begun["upload_url"], content=PICTURE).status_code == 200
    replayed = door.put(begun["upload_url"], content=b"something else")
    assert (replayed.status_code, replayed.json()["error_type"]) == (409, "conflict")
    assert door.put(js_part(begun, "1"), content=b"something else").status_code == 409
    assert door.get(begun["file_url"]).content == PICTURE
    [upload] = [name for name in held(store) if name.startswith("uploads/")]
    uploads = Uploads(store)
    found = uploads.find(upload.split("/")[1])
    assert found is not None
    uploads.remove(found)
    assert door.put(begun["upload_url"], content=PICTURE).status_code == 409
    assert door.get(begun["file_url"]).status_code == 404


def test_an_upload_address_opens_nothing_else(store: MediaStore, monkeypatch: Any) -> None:
    """Changed, exchanged or over, it is refused, and nothing is kept."""
    door = gateway(store)
    one, other = begin(door), begin(door)
    ticket = one["upload_url"].partition("?ticket=")[2]
    for address in (
        other["upload_url"].partition("?")[0] + f"?ticket={ticket}",
        one["upload_url"][:-2],
        one["upload_url"].partition("?")[0] + "?ticket=x",
        one["upload_url"].partition("?")[0] + "?ticket=a.b.c",
    ):
        answer = door.put(address, content=PICTURE)
        assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")
    assert door.put(one["upload_url"].partition("?")[0], content=PICTURE).status_code == 422
    monkeypatch.setattr("deployments.gateway.files.ticket.SECONDS", -1)
    assert door.put(begin(door)["upload_url"], content=PICTURE).status_code == 403
    assert not held(store)


def test_an_upload_ends_with_its_key(store: MediaStore) -> None:
    """A revoked key's address and token take nothing more."""
    ring = KeyRing(store)
    made = ring.create("alice", scope="user")
    headers = {"authorization": f"Key {made.key}"}
    door = gateway(store)
    begun = door.post(INITIATE, json={}, headers=headers).json()
    token = door.post(TOKEN, json={}, headers=headers).json()["token"]
    ring.revoke(made.record.id)
    door = gateway(store)
    assert door.put(begun["upload_url"], content=PICTURE).status_code == 403
    bearer = {"authorization": f"Bearer {token}"}
    assert door.post("/media/files/upload", content=PICTURE, headers=bearer).status_code == 401
    assert not held(store)


def test_parts_are_their_senders_own(store: MediaStore) -> None:
    """Another key cannot add to an upload whose id it learnt."""
    ring = KeyRing(store)
    alice, bob = (
        {"authorization": f"Key {ring.create(name, scope='user').key}"} for name in ("a", "b")
    )
    door = gateway(store)
    begun = door.post("/media/files/upload/multipart", headers=alice).json()
    part = f"{begun['access_url']}/multipart/{begun['uploadId']}/1"
    assert door.put(part, content=b"x", headers=bob).status_code == 403
    assert door.put(part, content=b"x", headers=alice).status_code == 200


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_that_is_too_large_is_refused(store: MediaStore, declared: bool) -> None:
    """By what it says it has, or as soon as it has more; nothing is left behind."""
    door = gateway(store, max_upload_bytes=10_000)
    begun = begin(door)

    def body() -> Any:
        yield from (b"x" * 5000 for _ in range(3))

    content = b"x" * 15_000 if declared else body()
    answer = door.put(begun["upload_url"], content=content)
    assert answer.status_code == 413
    assert answer.json()["detail"][0]["ctx"] == {"max_size": 10_000}
    parts = begin(door, PARTS)
    first = door.put(js_part(parts, "1"), content=b"x" * 9000)
    assert first.status_code == 200
    assert door.put(js_part(parts, "2"), content=b"x" * 2000).status_code == 413
    assert not [name for name in held(store) if not name.startswith("parts/")]


def test_an_upload_that_breaks_off_leaves_nothing(kept: Kept) -> None:
    """Neither half a file nor a folder for it."""
    door = gateway(kept.store)
    address = urlsplit(begin(door)["upload_url"])
    messages = iter(
        [
            {"type": "http.request", "body": b"x" * 3_000_000, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": address.path,
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "headers": [(b"host", b"127.0.0.1:8000")],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "http_version": "1.1",
    }
    asyncio.run(door.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 499
    assert kept.keys() == []


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\evil.png", "a/b.png", "/abs.png", "..", "nul\x00.png", "a\nb.png"],
)
def test_names_that_are_paths_are_refused(store: MediaStore, name: str) -> None:
    """In a body as in a header; nothing is kept."""
    door = gateway(store)
    answer = door.post(INITIATE, json={"content_type": "image/png", "file_name": name})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "file_name"]
    if name.isprintable():
        headers = {"x-fal-file-name": name, "content-type": "image/png"}
        sent = door.post("/media/files/upload", content=PICTURE, headers=headers)
        assert sent.status_code == 422
    assert not held(store)


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [
        ("my cat (1).png", "my_cat__1_.png"),
        (".hidden.png", "hidden.png"),
        ("Katze süß.png", "Katze_süß.png"),
        ("x" * 500 + ".png", "x" * 96 + ".png"),
        ("no suffix", "no_suffix.png"),
        ("", "upload.png"),
        ("<script>.png", "_script_.png"),
    ],
)
def test_other_names_are_made_plain(store: MediaStore, name: str, kept_as: str) -> None:
    """What is left of a name is safe in a path, a URL and a header."""
    door = gateway(store)
    body = json.dumps({"content_type": "image/png", "file_name": name})
    begun = door.post(INITIATE, content=body, headers={"content-type": "application/json"}).json()
    assert httpx.URL(begun["file_url"]).path.endswith(f"/{kept_as}")
    assert door.put(begun["upload_url"], content=PICTURE).status_code == 200
    assert door.get(begun["file_url"]).content == PICTURE


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "image/svg+xml", "application/javascript", "no type", "a/b\r\nx: y", "é/x"],
)
def test_types_that_could_run_are_refused(store: MediaStore, content_type: str) -> None:
    """Pages and programs are not kept, whatever they are called."""
    answer = gateway(store).post(INITIATE, json={"content_type": content_type})
    assert (answer.status_code, answer.json()["error_type"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "parts",
    [
        None,
        {},
        {"parts": []},
        {"parts": [{"partNumber": 0, "etag": "x"}]},
        {"parts": [{"partNumber": 1}]},
        {"parts": [{"partNumber": 1, "etag": "x"}, {"partNumber": 1, "etag": "x"}]},
        {"parts": "x"},
        [[[]]],
    ],
)
def test_a_list_of_parts_that_is_none_is_refused(store: MediaStore, parts: Any) -> None:
    """With what it should be."""
    door = gateway(store)
    answer = door.post(js_part(begin(door, PARTS), "complete"), json=parts)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "parts"]


def test_an_empty_file_is_refused(store: MediaStore) -> None:
    """There is nothing to be made of it."""
    door = gateway(store)
    assert door.put(begin(door)["upload_url"], content=b"").status_code == 400
    assert not held(store)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 50_000, b"\xff\xfe", b'"x"', b'{"content_type": 7}', b'{"file_name": {}}'],
)
def test_bodies_that_say_nothing_are_refused(store: MediaStore, body: bytes) -> None:
    """In the endpoint's form."""
    headers = {"content-type": "application/json"}
    answer = gateway(store).post(INITIATE, content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize("path", [INITIATE, PARTS, "/rest/tokens/"])
def test_large_bodies_are_not_read(store: MediaStore, path: str) -> None:
    """Of nobody who has no key at all, and of the others up to a limit."""
    large = b'{"file_name": "' + b"x" * 100_000 + b'"}'
    key = KeyRing(store).create("alice", scope="user").key
    door = gateway(store)
    assert door.post(path, content=large).status_code == 401
    answer = door.post(path, content=large, headers={"authorization": f"Key {key}"})
    assert answer.status_code == 413
    assert answer.json()["detail"][0]["type"] == "file_too_large"
