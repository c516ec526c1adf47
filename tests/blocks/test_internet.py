"""Transfers from real local servers, honest and otherwise."""

from __future__ import annotations

import hashlib
import pickle
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from blocks.internet import Fetched, FetchLimits, fetch
from ltxv.errors import Misconfigured, Refused, Transient

LOC = ("images", 0, "image_url")
PICTURE = bytes(range(256)) * 40
Answer = Callable[[socket.socket, threading.Event], None]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file to be, alone in its folder."""
    return tmp_path / "picture"


def get(url: str, target: Path, **limits: Any) -> Fetched:
    """Fetch from a local server, which the operator trusts unless the test says otherwise."""
    limits.setdefault("trusted_hosts", ("127.0.0.1", "localhost"))
    return fetch(url, target, limits=FetchLimits(**limits), loc=LOC)


def assert_nothing_left(target: Path) -> None:
    assert list(target.parent.iterdir()) == []


@contextmanager
def raw_server(answer: Answer) -> Iterator[str]:
    """Serve each connection by hand: read the request's head, then let ``answer`` misbehave."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        answer(connection, stop)
                except OSError:  # the client hung up, or the listener is closed
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)


def test_a_file_arrives_whole_and_is_described(httpserver: HTTPServer, target: Path) -> None:
    """The target holds the bytes served, and the answer their digest, size and declared type."""
    httpserver.expect_request("/a b", query_string="x=1").respond_with_data(
        PICTURE, content_type="Image/PNG; charset=binary"
    )
    fetched = get(httpserver.url_for("/a%20b?x=1#part"), target)
    assert target.read_bytes() == PICTURE
    assert fetched.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert (fetched.size, fetched.content_type) == (len(PICTURE), "image/png")
    assert list(target.parent.iterdir()) == [target]


def test_an_existing_target_is_replaced_only_by_a_whole_file(
    httpserver: HTTPServer, target: Path
) -> None:
    """A failed download leaves what was there before."""
    target.write_bytes(b"before")
    httpserver.expect_request("/gone").respond_with_data(status=410)
    httpserver.expect_request("/here").respond_with_data(b"after")
    with pytest.raises(Refused):
        get(httpserver.url_for("/gone"), target)
    assert target.read_bytes() == b"before"
    get(httpserver.url_for("/here"), target)
    assert target.read_bytes() == b"after"


def test_redirects_are_followed(httpserver: HTTPServer, target: Path) -> None:
    """A relative and an absolute redirect lead to the file."""
    httpserver.expect_request("/a").respond_with_data(status=302, headers={"Location": "b/c"})
    httpserver.expect_request("/b/c").respond_with_data(
        status=308, headers={"Location": httpserver.url_for("/d")}
    )
    httpserver.expect_request("/d").respond_with_data(PICTURE)
    assert get(httpserver.url_for("/a"), target, max_redirects=2).size == len(PICTURE)


def test_no_cookie_credential_or_proxy_goes_along(
    httpserver: HTTPServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request carries nothing of ours, and the environment's proxy is not asked."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    httpserver.expect_request("/a").respond_with_data(
        status=302, headers={"Location": "/b", "Set-Cookie": "who=me"}
    )
    httpserver.expect_request("/b").respond_with_data(PICTURE)
    get(httpserver.url_for("/a"), target)
    request, _ = httpserver.log[-1]
    assert set(request.headers.keys()) == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert request.headers["Accept-Encoding"] == "identity"


def test_a_trusted_host_cannot_send_us_to_an_untrusted_one(
    httpserver: HTTPServer, target: Path
) -> None:
    """A redirect from a trusted host to a private address is refused before it is followed."""
    httpserver.expect_request("/a").respond_with_data(
        status=302, headers={"Location": httpserver.url_for("/b").replace("localhost", "127.0.0.1")}
    )
    with pytest.raises(Refused, match=r"127\.0\.0\.1 on the public internet") as caught:
        get(httpserver.url_for("/a"), target, trusted_hosts=(f"localhost:{httpserver.port}",))
    assert caught.value.violations[0].type == "file_download_error"
    assert [request.path for request, _ in httpserver.log] == ["/a"]
    assert_nothing_left(target)


def test_trust_in_one_port_is_no_trust_in_another(httpserver: HTTPServer, target: Path) -> None:
    """A host trusted with a port is not trusted on any other."""
    with pytest.raises(Refused, match="public internet"):
        get(httpserver.url_for("/a"), target, trusted_hosts=(f"localhost:{httpserver.port + 1}",))


def test_a_circle_of_redirects_ends(httpserver: HTTPServer, target: Path) -> None:
    """A page that redirects to itself is asked once and followed as often as the limit says."""
    httpserver.expect_request("/a").respond_with_data(status=301, headers={"Location": "/a"})
    with pytest.raises(Refused, match="more than 3 times"):
        get(httpserver.url_for("/a"), target, max_redirects=3)
    assert len(httpserver.log) == 4
    assert_nothing_left(target)


@pytest.mark.parametrize(
    "onward", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://x", ""]
)
def test_redirects_stay_on_the_web(onward: str, httpserver: HTTPServer, target: Path) -> None:
    """A redirect to another scheme, or to nothing, is refused."""
    httpserver.expect_request("/a").respond_with_data(status=302, headers={"Location": onward})
    with pytest.raises(Refused, match="send the final address"):
        get(httpserver.url_for("/a"), target)
    assert_nothing_left(target)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418, 204, 206])
def test_an_answer_without_the_file_is_final(
    status: int, httpserver: HTTPServer, target: Path
) -> None:
    """The refusal names the field and the status."""
    httpserver.expect_request("/a").respond_with_data(b"no", status=status)
    with pytest.raises(Refused, match=rf"images\.0\.image_url: .*{status}") as caught:
        get(httpserver.url_for("/a"), target)
    (entry,) = caught.value.detail
    assert entry["loc"] == ["body", *LOC]
    assert entry["type"] == "file_download_error"
    assert entry["ctx"] == {"status": status}
    assert_nothing_left(target)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_server_is_worth_another_try(
    status: int, httpserver: HTTPServer, target: Path
) -> None:
    """The error is transient and can still be shown to the caller, from another process too."""
    httpserver.expect_request("/a").respond_with_data(b"later", status=status)
    with pytest.raises(Transient, match=str(status)) as caught:
        get(httpserver.url_for("/a"), target)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert str(copy) == str(caught.value)
    assert copy.violation.as_detail()["loc"] == ["body", *LOC]
    assert_nothing_left(target)


def test_an_empty_file_is_refused(httpserver: HTTPServer, target: Path) -> None:
    """A body of no bytes is not a file."""
    httpserver.expect_request("/a").respond_with_data(b"")
    with pytest.raises(Refused, match="empty"):
        get(httpserver.url_for("/a"), target)
    assert_nothing_left(target)


def test_an_encoded_body_is_refused(httpserver: HTTPServer, target: Path) -> None:
    """A server that compresses although it was asked not to is refused: it may be a bomb."""
    httpserver.expect_request("/a").respond_with_response(
        Response(PICTURE, headers={"Content-Encoding": "gzip"})
    )
    with pytest.raises(Refused, match="gzip-encoded"):
        get(httpserver.url_for("/a"), target)
    assert_nothing_left(target)


def test_a_file_at_the_limit_passes_and_one_byte_more_does_not(
    httpserver: HTTPServer, target: Path
) -> None:
    """The limit is exact and the refusal says how large a file may be."""
    httpserver.expect_request("/a").respond_with_data(PICTURE)
    assert get(httpserver.url_for("/a"), target, max_bytes=len(PICTURE)).size == len(PICTURE)
    target.unlink()
    with pytest.raises(Refused) as caught:
        get(httpserver.url_for("/a"), target, max_bytes=len(PICTURE) - 1)
    (violation,) = caught.value.violations
    assert (violation.type, violation.ctx) == ("file_too_large", {"max_size": len(PICTURE) - 1})
    assert_nothing_left(target)


def test_an_endless_body_is_cut_at_the_limit(target: Path) -> None:
    """A chunked body without an end is refused once it passes the limit."""

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not stop.is_set():
            connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    with raw_server(answer) as url, pytest.raises(Refused) as caught:
        get(url, target, max_bytes=100_000)
    assert caught.value.violations[0].type == "file_too_large"
    assert_nothing_left(target)


def test_a_declared_length_beyond_the_limit_is_enough(target: Path) -> None:
    """A file that says it is too large is refused although not a byte of it arrives."""

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        stop.wait()

    with raw_server(answer) as url, pytest.raises(Refused) as caught:
        get(url, target, timeout_seconds=5)
    assert caught.value.violations[0].type == "file_too_large"
    assert_nothing_left(target)


def test_a_length_that_is_too_small_does_not_let_more_in(target: Path) -> None:
    """What follows the declared length is not part of the file."""

    def answer(connection: socket.socket, _stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + b"x" * 100_000)

    with raw_server(answer) as url:
        assert get(url, target, max_bytes=10).size == 5
    assert target.read_bytes() == b"xxxxx"


def test_a_body_that_breaks_off_is_not_taken_for_a_file(target: Path) -> None:
    """A connection closed before the declared length is a fault of the moment."""

    def answer(connection: socket.socket, _stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")

    with raw_server(answer) as url, pytest.raises(Transient, match="broke off"):
        get(url, target)
    assert_nothing_left(target)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["silence", "headers", "body", "body without a length"],
)
def test_a_trickle_ends_with_the_clock(head: bytes, target: Path) -> None:
    """A server that keeps sending single bytes, or none, cannot hold us past the deadline."""

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(head)
        while not stop.wait(0.02):
            connection.sendall(b"x" if head else b"")

    with raw_server(answer) as url, pytest.raises(Transient, match=r"within 0\.3 seconds"):
        get(url, target, timeout_seconds=0.3)
    assert_nothing_left(target)


def test_a_refused_connection_reads_as_such(target: Path) -> None:
    """The caller learns in the end which field, what happened and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Transient) as caught:
        get(f"http://127.0.0.1:{port}/a", target)
    assert str(caught.value) == (
        "images.0.image_url: could not be downloaded: connection refused; check the address"
    )
    assert_nothing_left(target)


def test_something_else_than_http_is_a_clear_error(target: Path) -> None:
    """A server of another protocol is no crash."""

    def answer(connection: socket.socket, _stop: threading.Event) -> None:
        connection.sendall(b"220 mail.example ESMTP\r\n")

    with raw_server(answer) as url, pytest.raises(Transient, match="does not speak HTTP"):
        get(url, target)
    assert_nothing_left(target)


def test_a_disk_that_takes_no_more_is_the_operators(httpserver: HTTPServer, target: Path) -> None:
    """A write that the system refuses names the folder, and nothing is left in it."""
    httpserver.expect_request("/a").respond_with_data(bytes(4 * 2**20))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with pytest.raises(Misconfigured, match=str(target.parent)):
            get(httpserver.url_for("/a"), target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_nothing_left(target)


def test_a_missing_folder_is_the_operators(httpserver: HTTPServer, tmp_path: Path) -> None:
    """A target whose folder does not exist is no fault of the caller's."""
    with pytest.raises(Misconfigured, match="nowhere"):
        get(httpserver.url_for("/a"), tmp_path / "nowhere" / "picture")
