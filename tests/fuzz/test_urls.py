"""Any text as a URL: never a connection to an address that is not public."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blocks.internet import FetchLimits, fetch
from blocks.media_store import MediaStore
from ltxv.errors import Refused, Transient

LOC = ("images", 0, "image_url")
TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
SCHEMES = st.sampled_from(["http://", "https://", "HTTP://", "http:/", "http:", "//", "", "ftp://"])
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(
    lambda ip: f"[{ip}]" if ip.version == 6 else str(ip)
)
PRIVATE = st.sampled_from(
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1", "0.0.0.0"]
)


def spelled(address: str, form: int) -> str:
    """Return an IPv4 address in one of the ways that resolvers read."""
    parts = [int(part) for part in address.split(".")]
    whole = int(ipaddress.IPv4Address(address))
    return [
        str(whole),
        hex(whole),
        oct(whole).replace("0o", "0"),
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{whole & 0xFFFFFF}",
        f"[::ffff:{address}]",
        f"[64:ff9b::{address}]",
        f"[2002:{whole >> 16:x}:{whole & 0xFFFF:x}::1]",
        address.replace(".", "\u3002"),
        f"{address}.",
    ][form]


HOSTS = st.one_of(
    TEXT, ADDRESSES, st.builds(spelled, PRIVATE, st.integers(0, 10)), st.sampled_from(["a.example"])
)
URLS = st.one_of(
    TEXT,
    st.builds(
        lambda scheme, user, host, port, path: f"{scheme}{user}{host}{port}/{path}",
        SCHEMES,
        st.sampled_from(["", "", "", "user@", "a:b@", "127.0.0.1#@", "\\", "a@b@"]),
        HOSTS,
        st.one_of(st.just(""), st.integers(-1, 70_000).map(lambda port: f":{port}"), TEXT),
        TEXT,
    ),
)


class Wire:
    """The network with nobody on it: names stand for scripted addresses, and no one answers.

    No one answers the test's own thread; what others still have to tell a server goes its way.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dialled: list[str] = []
        self.answer: Sequence[str] = ()
        self._thread = threading.get_ident()
        self._look_up = socket.getaddrinfo
        self._dial = httpcore.SyncBackend.connect_tcp
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", self._connect)

    def _getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._look_up(host, port, *args, flags=socket.AI_NUMERICHOST, **kwargs)
        except socket.gaierror:
            if not self.answer:
                raise
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in self.answer]

    def _connect(self, host: str, port: int, **options: Any) -> Any:
        if threading.get_ident() != self._thread:
            return self._dial(httpcore.SyncBackend(), host, port, **options)
        self.dialled.append(host)
        raise httpcore.ConnectError("nobody is there")


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A wire for one test."""
    return Wire(monkeypatch)


def embedded(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 one may lead to."""
    if ip.version == 4:
        return []
    nat64 = ipaddress.IPv4Address(ip.packed[-4:]) if ip.packed.startswith(b"\0d\xff\x9b") else None
    return [inner for inner in (ip.ipv4_mapped, ip.sixtofour, nat64) if inner is not None]


def check(url: str, wire: Wire, target: Path) -> None:
    """Fetch a URL, and look at what was dialled and at what is said."""
    wire.dialled.clear()
    try:
        fetch(url, target, limits=FetchLimits(), loc=LOC)
    except (Refused, Transient) as error:
        str(error).encode()
    else:
        assert url.strip()[:5].lower() == "data:"
        target.unlink()
    # Python's own opinion of addresses is another than the one under test.
    for address in wire.dialled:
        ip = ipaddress.ip_address(address)
        assert ip.is_global, url
        assert not ip.is_multicast, url
        assert all(inner.is_global for inner in embedded(ip)), url
    assert list(target.parent.iterdir()) == [], url


@settings(max_examples=600)
@given(url=URLS)
@example(url="http://[::ffff:7f00:1]/")
@example(url="http://127.1/")
@example(url="http://\ud800.example/")
@example(url="HTTP://0/\ud800")
@example(url="http://a.example:80\x00@127.0.0.1/")
@example(url="data:;base64,\ud800")
def test_any_text_leads_to_no_private_address(url: str, wire: Wire, scratch: Path) -> None:
    """It is refused, could not be reached, or was dialled at a public address."""
    check(url, wire, scratch / "file")


@settings(max_examples=200)
@given(answers=st.lists(st.one_of(PRIVATE, st.just("93.184.216.34")), min_size=1, max_size=3))
def test_a_name_is_dialled_only_if_all_its_addresses_are_public(
    answers: list[str], wire: Wire, scratch: Path
) -> None:
    """One private address among a name's others is enough to refuse it."""
    wire.answer = answers
    check("http://a.example/", wire, scratch / "file")
    assert bool(wire.dialled) is all(answer == "93.184.216.34" for answer in answers)
    wire.answer = ()


@settings(max_examples=300)
@given(data=st.one_of(TEXT, st.text("ABCabc019+/=%,;: \n-_", max_size=60)))
def test_any_data_uri_is_bytes_or_a_refusal(data: str, wire: Wire, scratch: Path) -> None:
    """Whatever follows ``data:``, nothing is dialled and nothing is left."""
    check(f"data:{data}", wire, scratch / "file")
    assert wire.dialled == []


@settings(max_examples=300)
@given(url=st.one_of(URLS, TEXT.map("file:///{}".format), TEXT.map("s3://{}".format)))
def test_any_text_reads_no_file_of_this_machine(
    url: str, wire: Wire, scratch: Path, tmp_path: Path
) -> None:
    """A store hands out its own outputs and nothing else of the disk."""
    store = MediaStore(root=str(tmp_path / "store"))
    try:
        store.fetch(url, scratch / "file", loc=LOC)
    except (Refused, Transient) as error:
        str(error).encode()
    else:
        assert url.strip()[:5].lower() == "data:"
        (scratch / "file").unlink()
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
@settings(max_examples=30_000)
@given(url=URLS)
def test_any_text_leads_to_no_private_address_at_length(
    url: str, wire: Wire, scratch: Path
) -> None:
    """The same, fifty times as often."""
    check(url, wire, scratch / "file")
