"""What every store does, in a folder and on a real S3 server alike."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import ValidationError

from blocks.internet import FetchLimits
from blocks.media_store import MediaStore
from ltxv.errors import Refused, Transient
from ltxv.refs import Ref
from tests.stores import Kept, in_bucket, in_folder

LOC = ("images", 0, "image_url")
BYTES = bytes(range(256)) * 40
ODD_NAME = "batch 1/a b+ü%41#&='é.mp4"


class Server(Protocol):
    endpoint: str
    key: str
    secret: str


class TestMediaStoreStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return MediaStore

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        logo = urlsplit(str(block._logo_url))
        assert logo.scheme == "https"
        assert logo.hostname


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A finished file."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(BYTES)
    return path


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return


def test_content_is_kept_under_its_own_digest(kept: Kept, clip: Path) -> None:
    """Bytes and files alike come back whole, from a place that their digest names."""
    digest = hashlib.sha256(BYTES).hexdigest()
    ref = kept.store.put(BYTES, folder="latents", suffix=".safetensors")
    assert ref == Ref(
        path=f"latents/{digest[:2]}/{digest}.safetensors", sha256=digest, size=len(BYTES)
    )
    assert kept.read(ref.path) == BYTES
    assert kept.store.get(ref) == BYTES
    assert kept.store.holds(ref)
    from_file = kept.store.put(clip, folder="media", suffix=".mp4")
    assert (from_file.sha256, from_file.size) == (ref.sha256, ref.size)
    with kept.store.open(from_file) as path:
        assert path.read_bytes() == BYTES
        assert path.suffix == ".mp4"
    assert kept.keys() == sorted([ref.path, from_file.path])


def test_nothing_and_a_lot_can_be_kept(kept: Kept) -> None:
    """No bytes at all and more than one request carries both come back whole."""
    for content in (b"", os.urandom(20 * 2**20)):
        ref = kept.store.put(content, folder="media", suffix="")
        assert kept.store.get(ref) == content
        with kept.store.open(ref) as path:
            assert path.read_bytes() == content


def test_what_is_there_whole_is_not_written_again(tmp_path: Path, s3_server: Server) -> None:
    """A second `put` of the same content leaves the first one's file."""
    local, remote = in_folder(tmp_path / "store"), in_bucket(s3_server)
    ref = local.store.put(BYTES, folder="media", suffix=".png")
    inode = (tmp_path / "store" / ref.path).stat().st_ino
    assert local.store.put(BYTES, folder="media", suffix=".png") == ref
    assert (tmp_path / "store" / ref.path).stat().st_ino == inode
    bucket = remote.place.partition("/")[0]
    how = {"Status": "Enabled"}
    remote.files.call_s3("put_bucket_versioning", Bucket=bucket, VersioningConfiguration=how)
    for _ in range(2):
        assert remote.store.put(BYTES, folder="media", suffix=".png") == ref
    assert len(remote.files.call_s3("list_object_versions", Bucket=bucket)["Versions"]) == 1


@pytest.mark.parametrize(
    "spoilt", [None, b"", BYTES[:-1], BYTES[:-1] + b"x", BYTES + b"x"], ids=str.__class__
)
def test_altered_content_is_not_given_out_and_can_be_made_again(
    kept: Kept, spoilt: bytes | None
) -> None:
    """Content that is missing, cut or flipped is as good as none, until it is put again."""
    ref = kept.store.put(BYTES, folder="latents", suffix=".safetensors")
    kept.remove(ref.path)
    if spoilt is not None:
        kept.write(ref.path, spoilt)
    assert not kept.store.holds(ref)
    with pytest.raises(Transient, match=r"no longer has .* run the request again"):
        kept.store.get(ref)
    with pytest.raises(Transient, match="no longer has"), kept.store.open(ref):
        pytest.fail("an altered file was given out")
    assert kept.store.put(BYTES, folder="latents", suffix=".safetensors") == ref
    assert kept.store.get(ref) == BYTES


def test_a_ref_cannot_lead_out_of_the_store(tmp_path: Path) -> None:
    """A ref from a forged record reads nothing beyond the root, nor the root itself."""
    store = in_folder(tmp_path / "store").store
    store.put(BYTES, folder="media", suffix="")
    secret = tmp_path / "secret"
    secret.write_bytes(BYTES)
    digest = hashlib.sha256(BYTES).hexdigest()
    for path in ("../secret", str(secret), "media/../../secret", "", ".", "media", "a\x00b"):
        ref = Ref(path=path, sha256=digest, size=len(BYTES))
        assert not store.holds(ref)
        with pytest.raises(Transient):
            store.get(ref)
        with pytest.raises(Transient), store.open(ref):
            pytest.fail("a file from elsewhere was given out")


@pytest.mark.parametrize(
    ("folder", "suffix"),
    [("results", ".x"), ("outputs/a", ".x"), ("../a", ".x"), ("a", "/../b"), ("", ".x")],
)
def test_content_goes_to_folders_of_its_own(tmp_path: Path, folder: str, suffix: str) -> None:
    """No stage can write among the records or the finished files, or beyond the root."""
    with pytest.raises(ValueError, match="do not name a place"):
        in_folder(tmp_path).store.put(BYTES, folder=folder, suffix=suffix)
    assert list(tmp_path.iterdir()) == []


def test_what_is_removed_leaves_nothing(kept: Kept) -> None:
    """Bytes are gone after their removal, others stay, and no path leads out of the store."""
    ref = kept.store.put(BYTES, folder="latents", suffix=".safetensors")
    other = kept.store.put(b"other", folder="media", suffix=".bin")
    kept.store.remove(ref.path)
    kept.store.remove(ref.path)
    kept.store.remove(f"media/../{other.path}")
    assert kept.keys() == [other.path]


@pytest.mark.usefixtures("no_proxy")
def test_a_signed_address_opens_the_file(s3_server: Server, clip: Path) -> None:
    """The URL of a published file downloads it, with its type and under an odd name."""
    kept = in_bucket(s3_server)
    file = kept.store.publish(clip, name=ODD_NAME, content_type="video/mp4")
    answer = httpx.get(file.url)
    assert answer.status_code == 200
    assert answer.content == BYTES
    assert answer.headers["content-type"] == "video/mp4"
    assert (file.file_size, file.content_type) == (len(BYTES), "video/mp4")
    assert file.file_name == ODD_NAME.partition("/")[2]
    assert kept.read(f"outputs/{ODD_NAME}") == BYTES
    assert httpx.get(kept.store.url(f"outputs/{ODD_NAME}")).content == BYTES


@pytest.mark.usefixtures("no_proxy")
def test_a_signature_is_that_of_the_stores_secret(s3_server: Server, clip: Path) -> None:
    """An address signed with another secret, or for another file, does not open."""
    store = in_bucket(s3_server).store
    forged = store.model_copy(update={"secret": MediaStore(key="k", secret="other").secret})
    file = forged.publish(clip, name="a.mp4", content_type="video/mp4")
    assert httpx.get(file.url).status_code == 403
    signed = store.publish(clip, name="b.mp4", content_type="video/mp4")
    assert httpx.get(signed.url.replace("b.mp4", "a.mp4")).status_code == 403


def test_a_large_file_goes_up_in_parts(s3_server: Server, tmp_path: Path) -> None:
    """A file beyond 16 MiB is sent in parts and is one whole object with its type in the end."""
    kept = in_bucket(s3_server)
    source = tmp_path / "large.mp4"
    source.write_bytes(os.urandom(2**20) * 20)
    file = kept.store.publish(source, name="large.mp4", content_type="video/mp4")
    info = kept.files.info(f"{kept.place}/outputs/large.mp4")
    assert info["ETag"].strip('"').endswith("-3")
    assert info["ContentType"] == "video/mp4"
    assert file.file_size == source.stat().st_size
    assert kept.read("outputs/large.mp4") == source.read_bytes()


def test_a_folders_address_is_a_file_url(tmp_path: Path, clip: Path) -> None:
    """Where nothing serves the folder, the URL is one that opens on this machine."""
    file = in_folder(tmp_path / "store").store.publish(
        clip, name=ODD_NAME, content_type="video/mp4"
    )
    path = httpx.URL(file.url)
    assert path.scheme == "file"
    assert Path(path.path) == tmp_path / "store/outputs" / ODD_NAME
    assert Path(path.path).read_bytes() == BYTES


@pytest.mark.parametrize("base", ["https://cdn.example.org/v", "https://cdn.example.org/v/"])
def test_a_public_base_makes_the_address(kept: Kept, clip: Path, base: str) -> None:
    """Where something serves the root, URLs are below its address and percent-encoded."""
    store = kept.store.model_copy(update={"public_base_url": base})
    file = store.publish(clip, name=ODD_NAME, content_type="video/mp4")
    assert file.url == (
        "https://cdn.example.org/v/outputs/batch%201/a%20b%2B%C3%BC%2541%23%26%3D%27%C3%A9.mp4"
    )


def test_the_later_of_two_files_takes_the_name(kept: Kept, clip: Path, tmp_path: Path) -> None:
    """Publishing under a name that is taken replaces the file."""
    kept.store.publish(clip, name="a.mp4", content_type="video/mp4")
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another clip")
    file = kept.store.publish(other, name="a.mp4", content_type="video/mp4")
    assert file.file_size == len(b"another clip")
    assert kept.read("outputs/a.mp4") == b"another clip"


@pytest.mark.parametrize(
    "name",
    [
        "../a.mp4",
        "/etc/a.mp4",
        "a/../../b.mp4",
        "",
        ".",
        "a//b",
        "a/",
        ".hidden",
        "a\\b",
        "a?b=c",
        "a\nb",
        "a\x00b",
        "\ud800.mp4",
        "x" * 256,
        "y/" * 600 + "z",
    ],
)
def test_a_name_cannot_leave_the_folder_of_outputs(kept: Kept, clip: Path, name: str) -> None:
    """A name that leads elsewhere, hides the file or breaks its URL is refused by field."""
    with pytest.raises(Refused, match="cannot be the name") as refusal:
        kept.store.publish(clip, name=name, content_type="video/mp4", loc=("name",))
    assert refusal.value.violations[0].loc == ("name",)
    assert kept.keys() == []


def test_its_own_addresses_open_directly(kept: Kept, clip: Path, tmp_path: Path) -> None:
    """What the store published can be sent back as a medium, though no stranger could reach it."""
    file = kept.store.publish(clip, name=ODD_NAME, content_type="video/mp4")
    based = kept.store.model_copy(update={"public_base_url": "https://internal/v"})
    named = based.publish(clip, name=ODD_NAME, content_type="video/mp4").url
    at_root = f"{kept.store.root}/outputs/{ODD_NAME}"
    for number, url in enumerate((file.url, at_root, named, f" {named}?download=1 ")):
        target = tmp_path / f"target-{number}"
        fetched = based.fetch(url, target, loc=LOC)
        assert target.read_bytes() == BYTES
        assert fetched.sha256 == hashlib.sha256(BYTES).hexdigest()
        assert (fetched.size, fetched.content_type) == (len(BYTES), "video/mp4")


def test_an_operators_own_media_in_the_bucket_open(s3_server: Server, tmp_path: Path) -> None:
    """`s3://` below the root is open to requests, whoever put the file there."""
    kept = in_bucket(s3_server)
    kept.write("pictures/cat.png", BYTES)
    kept.store.fetch(f"{kept.store.root}/pictures/cat.png", tmp_path / "cat", loc=LOC)
    assert (tmp_path / "cat").read_bytes() == BYTES


@pytest.mark.parametrize(
    "url",
    [
        "{root}/results/record",
        "{root}/outputs/../results/record",
        "{root}/outputs/%2e%2e/results/record",
        "{root}/outputs/missing.mp4",
        "{root}/outputs",
        "{root}",
        "{root}x/outputs/a.mp4",
        "{base}/results/record",
        "{base}/outputs/%2e%2e/results/record",
        "{base}/outputs/..%2fresults/record",
        "s3://another-bucket/outputs/a.mp4",
        "file:///etc/passwd",
        "file://{root}/results/record",
        "file://elsewhere{root}/outputs/a.mp4",
        "/etc/passwd",
        "outputs/a.mp4",
        "~/a.mp4",
        "http://[",
        "",
    ],
)
def test_no_other_address_opens(kept: Kept, clip: Path, tmp_path: Path, url: str) -> None:
    """Records, other buckets, and files of the machine are refused, and nothing is written."""
    kept.store.publish(clip, name="a.mp4", content_type="video/mp4")
    kept.write("results/record", BYTES)
    store = kept.store.model_copy(update={"public_base_url": "http://10.0.0.1/v"})
    target = tmp_path / "new" / "target"
    target.parent.mkdir()
    with pytest.raises(Refused) as refusal:
        store.fetch(url.format(root=store.root, base="http://10.0.0.1/v"), target, loc=LOC)
    assert refusal.value.detail[0]["type"] == "file_download_error"
    assert refusal.value.detail[0]["loc"] == ["body", *LOC]
    assert list(target.parent.iterdir()) == []


def test_a_link_out_of_the_outputs_is_not_followed(tmp_path: Path) -> None:
    """A local path is judged by where it ends up."""
    store = in_folder(tmp_path / "store").store
    (tmp_path / "secret").write_bytes(BYTES)
    (tmp_path / "store/outputs").mkdir(parents=True)
    (tmp_path / "store/outputs/link").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused):
        store.fetch(f"{tmp_path}/store/outputs/link", tmp_path / "target", loc=LOC)


def test_limits_hold_for_the_stores_own_files(kept: Kept, clip: Path, tmp_path: Path) -> None:
    """A file of the store that is larger than a request may send is refused."""
    file = kept.store.publish(clip, name="a.mp4", content_type="video/mp4")
    strict = kept.store.model_copy(update={"limits": FetchLimits(max_bytes=len(BYTES) - 1)})
    with pytest.raises(Refused) as refusal:
        strict.fetch(file.url, tmp_path / "target", loc=LOC)
    assert refusal.value.detail[0]["type"] == "file_too_large"
    assert refusal.value.detail[0]["ctx"] == {"max_size": len(BYTES) - 1}
    assert not (tmp_path / "target").exists()


def test_strangers_addresses_go_through_the_one_door(kept: Kept, tmp_path: Path) -> None:
    """Data URIs arrive, and private hosts are refused as everywhere."""
    kept.store.fetch("data:image/png;base64,AAAA", tmp_path / "target", loc=LOC)
    assert (tmp_path / "target").read_bytes() == b"\0\0\0"
    with pytest.raises(Refused, match="no host named"):
        kept.store.fetch("http://127.0.0.1:8080/a.png", tmp_path / "target", loc=LOC)


def test_the_root_is_resolved_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~` and relative folders are those of the machine and process that use the block."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    home, here = MediaStore(), MediaStore(root="here")
    assert (home.root, here.root) == ("~/.ltx/store", "here")
    monkeypatch.chdir(tmp_path)
    for store, root in ((home, "home/.ltx/store"), (here, "here")):
        ref = store.put(BYTES, folder="media", suffix="")
        assert (tmp_path / root / ref.path).read_bytes() == BYTES


@pytest.mark.parametrize(
    "settings",
    [
        {"root": ""},
        {"root": "s3://"},
        {"root": "s3://ab"},
        {"root": "gs://bucket/prefix"},
        {"root": "s3://bucket/a//b"},
        {"root": "s3://bucket/a?b"},
        {"endpoint_url": "s3.example.org"},
        {"endpoint_url": "https://user:word@s3.example.org"},
        {"public_base_url": "ftp://example.org"},
        {"public_base_url": "https://example.org/?token=1"},
        {"key": "k"},
        {"secret": "s"},
        {"presign_seconds": 0},
        {"presign_seconds": 7 * 24 * 3600 + 1},
    ],
)
def test_settings_that_cannot_work_cannot_be_saved(settings: dict[str, Any]) -> None:
    """A mistake shows when the block is made, not in the middle of a run."""
    with pytest.raises(ValidationError):
        MediaStore(**settings)


def test_the_secret_shows_nowhere(
    s3_server: Server, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither texts of the block, nor the most talkative logs, nor signed URLs hold the secret."""
    caplog.set_level(logging.DEBUG)
    store = in_bucket(s3_server).store
    ref = store.put(BYTES, folder="media", suffix=".png")
    store.get(ref)
    file = store.publish(clip, name="a.mp4", content_type="video/mp4")
    store.fetch(file.url, tmp_path / "target", loc=LOC)
    with pytest.raises(Transient) as error:
        store.get(ref.model_copy(update={"path": "media/none"}))
    texts = [repr(store), str(store), store.model_dump_json(), file.url, str(error.value)]
    assert len(caplog.text) > 1000
    assert all(s3_server.secret not in text for text in (*texts, caplog.text))


def test_a_local_store_loads_nothing_heavy(tmp_path: Path) -> None:
    """Flow processes that only orchestrate get no torch, and no S3 client before they need one."""
    code = (
        "import sys; from blocks.media_store import MediaStore;"
        f"MediaStore(root={str(tmp_path)!r}).put(b'x', folder='a', suffix='.x');"
        "sys.exit(any(name in sys.modules for name in ('torch', 's3fs', 'botocore')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
