"""Stores that fail, processes that die, and readers and writers that meet."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest
import s3fs
from pytest_httpserver import HTTPServer

from blocks.media_store import MediaStore
from ltxv.errors import LTXError, Misconfigured, Transient
from ltxv.refs import Ref

MEGABYTE = 2**20
REF = Ref(path="latents/ab/abc.safetensors", sha256="0" * 64, size=3)
Use = Callable[[MediaStore, Path], object]


class Server(Protocol):
    endpoint: str
    key: str
    secret: str


def publish(store: MediaStore, clip: Path) -> object:
    return store.publish(clip, name="a.mp4", content_type="video/mp4")


def put(store: MediaStore, _: Path) -> object:
    return store.put(b"latents", folder="latents", suffix=".safetensors")


def get(store: MediaStore, _: Path) -> object:
    return store.get(REF)


def holds(store: MediaStore, _: Path) -> object:
    return store.holds(REF)


def fetch(store: MediaStore, clip: Path) -> object:
    return store.fetch(f"{store.root}/outputs/a.mp4", clip.with_name("target"), loc=("x",))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A finished file of 2 MiB, alone in its folder."""
    path = tmp_path / "clips" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(bytes(2 * MEGABYTE))
    return path


def remote(endpoint: str, *, bucket: str = "bucket") -> MediaStore:
    return MediaStore(
        root=f"s3://{bucket}", endpoint_url=endpoint, region="us-east-1", key="k", secret="s"
    )


def assert_one_clear_line(error: LTXError) -> None:
    assert "\n" not in str(error)
    assert "media store" in str(error)
    assert ";" in str(error), "no remedy"


@pytest.mark.parametrize("use", [publish, put])
def test_a_root_that_cannot_be_a_folder_is_the_operators_fault(
    tmp_path: Path, clip: Path, use: Use
) -> None:
    """A store below a file, or where no folder can be made, says where and what to do."""
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file" / "store", Path("/proc/nowhere")):
        with pytest.raises(Misconfigured, match=str(root)) as error:
            use(MediaStore(root=str(root)), clip)
        assert_one_clear_line(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_the_operators_fault(tmp_path: Path, clip: Path) -> None:
    """A store that may not be written to says so."""
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(Misconfigured, match="Permission denied"):
        publish(MediaStore(root=str(tmp_path / "store")), clip)


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let the system refuse to grow any file of this process beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, clip: Path) -> None:
    """When the system refuses more bytes, nothing is half published and no rest stays behind."""
    store = MediaStore(root=str(tmp_path / "store"))
    before = tmp_path / "clips" / "before"
    before.write_bytes(b"before")
    publish(store, before)
    with no_file_beyond(MEGABYTE):
        for use in (publish, lambda store, clip: store.put(clip, folder="media", suffix=".mp4")):
            with pytest.raises(Misconfigured, match="File too large") as error:
                use(store, clip)
            assert_one_clear_line(error.value)
    files = [path for path in Path(store.root).rglob("*") if path.is_file()]
    assert files == [Path(store.root, "outputs/a.mp4")]
    assert files[0].read_bytes() == b"before"


def test_a_copy_that_has_no_room_is_the_operators_fault(s3_server: Server) -> None:
    """Where a stage needs a file of an object and the disk is full, the disk is named."""
    store = on_server(s3_server, "no-room")
    ref = store.put(bytes(2 * MEGABYTE), folder="media", suffix=".mp4")
    with (
        no_file_beyond(MEGABYTE),
        pytest.raises(Misconfigured, match="File too large"),
        store.open(ref),
    ):
        pytest.fail("half a copy was given out")


def answer(code: str, text: str = "Some words.") -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{text}</Message></Error>"


@contextmanager
def answering(server: HTTPServer, code: str, status: int) -> Iterator[MediaStore]:
    """Give a store on a server whose every answer is an S3 error."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Words.</Message></Error>"
    everything = server.expect_request(re.compile("/bucket.*"))
    everything.respond_with_data(body, status=status, content_type="application/xml")
    yield remote(server.url_for(""))
    assert server.log, "nobody asked"


@pytest.mark.parametrize("use", [publish, put, get, holds, fetch])
@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch"])
def test_denied_access_is_the_operators_fault(
    httpserver: HTTPServer, clip: Path, use: Use, code: str
) -> None:
    """A key without permission and a wrong secret are told apart from a busy server."""
    with (
        answering(httpserver, code, 403) as store,
        pytest.raises(Misconfigured, match="bucket bucket failed: 403|" + code) as error,
    ):
        use(store, clip)
    assert_one_clear_line(error.value)


@pytest.mark.parametrize(("use", "code"), [(publish, "InternalError"), (get, "SlowDown")])
def test_a_busy_or_broken_server_is_worth_another_try(
    httpserver: HTTPServer, clip: Path, use: Use, code: str
) -> None:
    """Faults of the server are transient once its client has tried a few times."""
    with answering(httpserver, code, 503) as store, pytest.raises(Transient) as error:
        use(store, clip)
    assert_one_clear_line(error.value)
    assert len(httpserver.log) > 1


@pytest.mark.parametrize("use", [publish, put])
def test_a_bucket_that_is_not_there_is_named(s3_server: Server, clip: Path, use: Use) -> None:
    """A missing bucket is the operator's fault, found at the first write."""
    store = remote(s3_server.endpoint, bucket="no-such-bucket")
    with pytest.raises(Misconfigured, match=r"no-such-bucket.*NoSuchBucket") as error:
        use(store, clip)
    assert_one_clear_line(error.value)


def test_a_server_out_of_reach_is_worth_another_try(clip: Path) -> None:
    """Where nothing listens, the address is named."""
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9\b") as error:
        get(remote("http://127.0.0.1:9"), clip)
    assert_one_clear_line(error.value)


def test_missing_credentials_are_the_operators_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: Path, s3_server: Server
) -> None:
    """Without keys in the block or around it, the error says that they are missing."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = MediaStore(root="s3://bucket", endpoint_url=s3_server.endpoint)
    with pytest.raises(Misconfigured, match="Unable to locate credentials") as error:
        publish(store, clip)
    assert_one_clear_line(error.value)


def test_ambient_credentials_are_found(
    monkeypatch: pytest.MonkeyPatch, clip: Path, s3_server: Server
) -> None:
    """A block without keys uses those of the environment, to sign addresses as well."""
    on_server(s3_server, "ambient")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret)
    store = MediaStore(root="s3://ambient", endpoint_url=s3_server.endpoint, region="us-west-1")
    file = store.publish(clip, name="a.mp4", content_type="video/mp4")
    assert s3_server.key in file.url


def on_server(server: Server, bucket: str) -> MediaStore:
    files(server).mkdir(bucket)
    return MediaStore(
        root=f"s3://{bucket}",
        endpoint_url=server.endpoint,
        region="us-east-1",
        key=server.key,
        secret=server.secret,
    )


def files(server: Server) -> s3fs.S3FileSystem:
    return s3fs.S3FileSystem(
        endpoint_url=server.endpoint, key=server.key, secret=server.secret, use_listings_cache=False
    )


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run another process that has imported the store, and kill it in the end."""
    start = (
        "import os, sys; from pathlib import Path; from blocks.media_store import MediaStore;"
        "a = sys.argv[1:];"
    )
    command = [sys.executable, "-c", start + code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(seen: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not seen() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert process.poll() is None, "the process ended before it could be killed"


def test_a_kill_in_the_middle_of_publishing_leaves_the_old_file(tmp_path: Path) -> None:
    """SIGKILL between two bytes of a copy leaves what was published before, and nothing else."""
    store = MediaStore(root=str(tmp_path / "store"))
    before, pipe = tmp_path / "before", tmp_path / "pipe"
    before.write_bytes(b"before")
    publish(store, before)
    os.mkfifo(pipe)
    done = threading.Event()

    def feed() -> None:
        with suppress(BrokenPipeError), pipe.open("wb") as writer:
            writer.write(bytes(9 * MEGABYTE))
            writer.flush()
            done.wait()

    threading.Thread(target=feed, daemon=True).start()
    code = "MediaStore(root=a[0]).publish(Path(a[1]), name='a.mp4', content_type='video/mp4')"
    with child(code, store.root, pipe) as process:
        wait_until(lambda: any(p.stat().st_size for p in unfinished(store)), process)
    assert process.returncode == -signal.SIGKILL
    done.set()
    assert Path(store.root, "outputs/a.mp4").read_bytes() == b"before"
    assert visible(store) == [Path(store.root, "outputs/a.mp4")]


def test_a_kill_in_the_middle_of_putting_leaves_nothing_to_be_taken_for_content(
    tmp_path: Path,
) -> None:
    """SIGKILL while content is written leaves no file under its name that is not whole."""
    store = MediaStore(root=str(tmp_path / "store"))
    code = (
        "[MediaStore(root=a[0]).put(os.urandom(2**25), folder='media', suffix='') for _ in a * 99]"
    )
    with child(code, store.root) as process:
        wait_until(lambda: any(p.stat().st_size for p in unfinished(store)), process)
    assert process.returncode == -signal.SIGKILL
    for path in visible(store):
        ref = Ref(path=path.relative_to(store.root).as_posix(), sha256=path.name, size=2**25)
        assert store.holds(ref)


def test_a_kill_in_the_middle_of_an_upload_leaves_the_old_object(
    s3_server: Server, tmp_path: Path
) -> None:
    """SIGKILL between the parts of an upload leaves what was published before, or all of it."""
    store = on_server(s3_server, "killed")
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(b"before")
    after.write_bytes(bytes(64 * MEGABYTE))
    publish(store, before)
    bucket = files(s3_server)
    code = (
        "MediaStore(root='s3://killed', endpoint_url=a[1], key=a[2], secret=a[3])"
        ".publish(Path(a[0]), name='a.mp4', content_type='video/mp4')"
    )
    with child(code, after, s3_server.endpoint, s3_server.key, s3_server.secret) as process:
        wait_until(
            lambda: bucket.call_s3("list_multipart_uploads", Bucket="killed").get("Uploads"),
            process,
        )
    assert bucket.cat_file("killed/outputs/a.mp4") in (b"before", after.read_bytes())


def test_a_reader_sees_one_file_or_the_other(tmp_path: Path) -> None:
    """While a name changes hands again and again, every reader gets one whole file."""
    store = MediaStore(root=str(tmp_path / "store"))
    sources = [tmp_path / "a", tmp_path / "b"]
    for source in sources:
        source.write_bytes(source.name.encode() * 4 * MEGABYTE)
    publish(store, sources[0])
    published = Path(store.root, "outputs/a.mp4")

    def change() -> None:
        for turn in range(1, 20):
            publish(store, sources[turn % 2])

    writer = threading.Thread(target=change)
    writer.start()
    seen = set()
    while writer.is_alive():
        content = published.read_bytes()
        assert len(content) == 4 * MEGABYTE
        seen.add(content[:1])
        assert content == content[:1] * len(content)
    writer.join()
    assert seen <= {b"a", b"b"}


def test_processes_may_publish_and_put_the_same_at_once(tmp_path: Path) -> None:
    """Two processes under one name end with one whole file, no error and no rests."""
    store = MediaStore(root=str(tmp_path / "store"))
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode() * 2 * MEGABYTE)
    code = (
        "s = MediaStore(root=a[0])\n"
        "print('ready', flush=True)\n"
        "input()\n"
        "for _ in range(20):\n"
        "    s.publish(Path(a[1]), name='d/a.mp4', content_type='video/mp4')\n"
        "    s.put(b'same' * 2**18, folder='media', suffix='.bin')\n"
    )
    with (
        child(code, store.root, tmp_path / "a") as one,
        child(code, store.root, tmp_path / "b") as other,
    ):
        assert [process.stdout.readline() for process in (one, other)] == [b"ready\n"] * 2
        for process in (one, other):
            process.stdin.write(b"go\n")
            process.stdin.flush()
        assert [process.wait() for process in (one, other)] == [0, 0]
    content = Path(store.root, "outputs/d/a.mp4").read_bytes()
    assert content in (b"a" * 2 * MEGABYTE, b"b" * 2 * MEGABYTE)
    assert store.put(b"same" * 2**18, folder="media", suffix=".bin").size == 2**20
    assert len(visible(store)) == 2
    assert unfinished(store) == []


def visible(store: MediaStore) -> list[Path]:
    paths = Path(store.root).rglob("*")
    return [path for path in paths if path.is_file() and not path.name.startswith(".")]


def unfinished(store: MediaStore) -> list[Path]:
    return list(Path(store.root).rglob(".*.part"))
