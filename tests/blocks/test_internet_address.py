"""Where a stranger's URL may lead, and that we go where we checked."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Response

from blocks.internet import Fetched, FetchLimits, fetch
from blocks.internet.address import is_public
from ltxv.errors import Refused, Transient

LOC = ("video_url",)
PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "151.101.1.140"
PRIVATE_HOSTS = """
127.0.0.1 127.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.255.255.254 0 0.0.0.0
10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 2852039166 0xa9fea9fe 100.64.0.1
100.100.100.200 192.0.0.192 168.63.129.16 198.18.0.1 203.0.113.9 224.0.0.1 240.0.0.1
255.255.255.255 localhost LocalHost ①②⑦.⓪.⓪.① 127。0。0。1 [::] [::1] [fe80::1] [fc00::1]
[fd00:ec2::254] [fec0::1] [ff02::1] [2001:db8::1] [100::1] [::ffff:127.0.0.1] [::ffff:a9fe:a9fe]
[::127.0.0.1] [::ffff:0:10.0.0.1] [2002:7f00:1::1] [2002:a9fe:a9fe::1] [64:ff9b::7f00:1]
[64:ff9b::10.0.0.1] [64:ff9b:1::a00:1] [2001:0:5db8::1] [3fff::1] [4000::1]
""".split()  # noqa: SIM905 - a table


class Network:
    """A resolver with scripted answers, and a wire that ends at a local server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.dead: set[str] = set()
        self.port = 0
        self.dialled: list[str] = []
        self._look_up, self._dial = socket.getaddrinfo, socket.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)
        monkeypatch.setattr(socket, "create_connection", self._create_connection)

    def _getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in self.answers:
            return self._look_up(host, port, *args, **kwargs)
        answers = self.answers[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    def _create_connection(self, address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        host = address[0]
        self.dialled.append(host)
        if host in self.dead:
            raise ConnectionRefusedError(111, "Connection refused")
        return self._dial(("127.0.0.1", self.port), *args, **kwargs)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> Network:
    """The scripted network, with every route leading to the local HTTP server."""
    network = Network(monkeypatch)
    network.port = httpserver.port
    return network


def get(url: str, tmp_path: Path, **limits: Any) -> Fetched:
    return fetch(url, tmp_path / "file", limits=FetchLimits(**limits), loc=LOC)


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_private_addresses_are_never_dialled(host: str, network: Network, tmp_path: Path) -> None:
    """Whatever way an address is written, one that is not public gets a refusal and no socket."""
    with pytest.raises(Refused, match="public internet") as caught:
        get(f"http://{host}/latest/meta-data", tmp_path)
    assert caught.value.violations[0].type == "file_download_error"
    assert network.dialled == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.32.0.1",
        "2606:4700::1111",
        "2a00:1450:4001::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_public_addresses_are_public(address: str) -> None:
    """The neighbours of the refused ranges and wrapped public addresses pass."""
    assert is_public(address)


def test_one_private_address_among_public_ones_is_enough(network: Network, tmp_path: Path) -> None:
    """A name with a public and a private address is refused, whichever comes first."""
    network.answers["mixed.example"] = [[PUBLIC, "10.0.0.5"]]
    with pytest.raises(Refused, match=r"mixed\.example") as caught:
        get("http://mixed.example/a", tmp_path)
    assert network.dialled == []
    assert "10.0.0.5" not in str(caught.value)


def test_the_checked_address_is_the_one_dialled(
    network: Network, httpserver: HTTPServer, tmp_path: Path
) -> None:
    """A name that turns private after the check gains nothing: it is looked up once."""
    network.answers["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    httpserver.expect_request("/a").respond_with_data(b"bytes")
    get("http://rebind.example:8080/a", tmp_path)
    assert network.dialled == [PUBLIC]
    request, _ = httpserver.log[-1]
    assert request.headers["Host"] == "rebind.example:8080"


def test_every_hop_is_checked_anew(
    network: Network, httpserver: HTTPServer, tmp_path: Path
) -> None:
    """A public host that redirects to a private one is refused before the second connection."""
    network.answers |= {"public.example": [[PUBLIC]], "inside.example": [["10.0.0.5"]]}
    httpserver.expect_request("/a").respond_with_data(
        status=302, headers={"Location": "http://inside.example/b"}
    )
    with pytest.raises(Refused, match=r"inside\.example"):
        get("http://public.example/a", tmp_path)
    assert network.dialled == [PUBLIC]


def test_the_next_address_is_tried_when_one_is_dead(
    network: Network, httpserver: HTTPServer, tmp_path: Path
) -> None:
    """A host with several addresses is reached through any of them."""
    network.answers["twice.example"] = [[PUBLIC, OTHER_PUBLIC]]
    network.dead = {PUBLIC}
    httpserver.expect_request("/a").respond_with_data(b"bytes")
    get("http://twice.example/a", tmp_path)
    assert network.dialled == [PUBLIC, OTHER_PUBLIC]


@pytest.mark.parametrize(
    ("code", "error"), [(socket.EAI_NONAME, Refused), (socket.EAI_AGAIN, Transient)]
)
def test_a_name_without_an_address(
    code: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A name that does not exist is final; a name server that fails is worth another try."""

    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(error, match=r"nowhere\.example.*check the address"):
        get("http://nowhere.example/a", tmp_path)


def test_a_refusal_tells_nobody_which_names_exist_inside(network: Network, tmp_path: Path) -> None:
    """A private name and one that does not exist are refused in the same words."""
    texts = set()
    for answer in (["10.0.0.5"], []):
        network.answers["intranet.example"] = [answer]
        with pytest.raises(Refused) as caught:
            get("http://intranet.example/a", tmp_path)
        texts.add(str(caught.value))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "'file' is not allowed; send an http, https or data URL"),
        ("ftp://media.example/a", "'ftp' is not allowed"),
        ("gopher://media.example/_x", "'gopher' is not allowed"),
        ("javascript:alert(1)", "'javascript' is not allowed"),
        ("//media.example/a", "it is no URL"),
        ("picture.png", "it is no URL"),
        ("", "it is no URL"),
        ("http://", "no valid host name"),
        ("http:///a", "no valid host name"),
        ("http://user:secret@media.example/a", "user name or password"),
        ("http://media.example\\@127.0.0.1/a", "user name or password"),
        ("http://media.example/a\r\nX-Evil: 1", "control characters"),
        ("http://media.example/\x00", "control characters"),
        ("http://media.example/" + "a" * 9000, "more than 8192"),
        ("http://media.example:99999/a", "outside 1 to 65535"),
        ("http://media.example:x/a", "outside 1 to 65535"),
        ("http://media.example:25/a", "port 25 is not allowed"),
        ("http://media.example:0/a", "port 0 is not allowed"),
        ("http://[::1/a", "it is no URL"),
        ("http://[::1%25lo]/a", "IPv6"),
        ("http://exa mple.com/a", "no valid host name"),
        ("http://exa%6dple.com/a", "no valid host name"),
        ("http://" + "a" * 64 + ".example/a", "no valid host name"),
    ],
)
def test_odd_urls_are_refused_unopened(
    url: str, reason: str, network: Network, tmp_path: Path
) -> None:
    """A URL of another scheme, with credentials or out of shape gets a reason and no socket."""
    network.answers["media.example"] = [[PUBLIC]]
    with pytest.raises(Refused) as caught:
        get(url, tmp_path)
    assert reason in str(caught.value)
    assert network.dialled == []
    assert list(tmp_path.iterdir()) == []


def test_names_and_paths_beyond_ascii_are_understood(
    network: Network, httpserver: HTTPServer, tmp_path: Path
) -> None:
    """A URL as people paste it, with an umlaut and a space, is sent in its encoded form."""
    network.answers["xn--mnchen-3ya.example"] = [[PUBLIC]]
    httpserver.expect_request("/Übersicht eins").respond_with_data(b"bytes")
    get(" http://münchen.example/Übersicht eins\n", tmp_path)
    assert network.dialled == [PUBLIC]


def test_a_numeric_ipv6_host_is_named_in_brackets(
    network: Network, httpserver: HTTPServer, tmp_path: Path
) -> None:
    """The Host header of an IPv6 address has the form that servers understand."""
    httpserver.expect_request("/a").respond_with_data(b"bytes")
    get("http://[2606:4700::1111]/a", tmp_path)
    assert network.dialled == ["2606:4700::1111"]
    assert httpserver.log[-1][0].headers["Host"] == "[2606:4700::1111]"


@pytest.fixture
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for media.example, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media.example")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("media.example"), x509.IPAddress(ip_address("192.0.2.1"))]
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "media.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Secure:
    """A TLS server and the names that clients asked it for."""

    def __init__(self, certificate: Path) -> None:
        self.names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.http = HTTPServer(host="127.0.0.1", ssl_context=context)


@pytest.fixture
def secure(certificate: Path, network: Network) -> Iterator[Secure]:
    """The TLS server at the end of the scripted network's wire."""
    server = Secure(certificate)
    with server.http:
        network.port = server.http.port
        network.answers |= {"media.example": [[PUBLIC]], "other.example": [[PUBLIC]]}
        yield server


def test_tls_is_checked_against_the_name_though_the_address_is_dialled(
    secure: Secure,
    certificate: Path,
    network: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SNI, certificate and Host keep the name while the connection goes to the checked address."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.http.expect_request("/a").respond_with_data(b"bytes")
    assert get("https://media.example/a", tmp_path).size == 5
    assert secure.names == ["media.example"]
    assert network.dialled == [PUBLIC]
    assert secure.http.log[-1][0].headers["Host"] == "media.example"


def test_a_trickle_over_tls_ends_with_the_clock(
    secure: Secure, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline holds inside TLS too, for a server that never stops sending a little."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    hung_up = threading.Event()

    def trickle() -> Iterator[bytes]:
        try:
            while True:
                time.sleep(0.02)
                yield b"x"
        finally:
            hung_up.set()

    secure.http.expect_request("/a").respond_with_response(Response(trickle()))
    with pytest.raises(Transient, match=r"within 0\.5 seconds"):
        get("https://media.example/a", tmp_path, timeout_seconds=0.5, max_bytes=500)
    assert hung_up.wait(10)


def test_a_certificate_of_another_name_is_refused(
    secure: Secure, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted certificate does not vouch for another host."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(Refused, match=r"certificate of other\.example"):
        get("https://other.example/a", tmp_path)
    assert secure.http.log == []


@pytest.mark.usefixtures("secure")
def test_a_certificate_nobody_trusts_is_refused(tmp_path: Path) -> None:
    """A self-signed certificate is final: another try would meet it again."""
    with pytest.raises(Refused, match=r"certificate of media\.example"):
        get("https://media.example/a", tmp_path)


def test_https_does_not_fall_back_to_http(
    secure: Secure, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect from https to plain http is refused."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.http.expect_request("/a").respond_with_data(
        status=302, headers={"Location": "http://media.example/b"}
    )
    with pytest.raises(Refused, match="from https to plain http"):
        get("https://media.example/a", tmp_path)


def test_plain_http_behind_an_https_url_is_a_clear_error(network: Network, tmp_path: Path) -> None:
    """A server that does not speak TLS is named as such."""
    network.answers["media.example"] = [[PUBLIC]]
    with pytest.raises(Transient, match="no secure connection"):
        get("https://media.example/a", tmp_path)
