"""The whole way: `ltx gateway` with TLS, a worker, the real clients, and videos at the end."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL

from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from deployments.gateway.endpoint_ids import MULTICONDITIONING
from deployments.gateway.webhooks.deliver import deliver_webhook
from ltxv.engine_options import EngineOptions
from tests.conftest import SAMPLES
from tests.deployments.gateway.conftest import (
    REQUESTS,
    deploy,
    deploy_drafts,
    house_before,
    serving,
)
from tests.deployments.gateway.real_clients import CLIENTS, NODE, Client, javascript, python
from tests.ports import free_port

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
SMALL = {
    "prompt": "a cat looks up",
    "resolution": "480p",
    "aspect_ratio": "1:1",
    "number_of_frames": 9,
    "first_pass_number_of_steps": 2,
    "first_pass_skip_final_steps": 0,
    "second_pass_number_of_steps": 2,
    "second_pass_skip_initial_steps": 1,
    "seed": 7,
}


@dataclass
class Studio:
    """A gateway's process and a worker's, and what a client needs to trust it."""

    name: str
    folder: Path
    port: int
    trust: Path
    _gateway: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://localhost:{self.port}"

    def start(self) -> None:
        """Start the gateway, and wait until it listens."""
        self._gateway.append(
            subprocess.Popen(
                [
                    str(BIN / "ltx"),
                    "gateway",
                    *("--host", "localhost", "--port", str(self.port)),
                    *("--deployment", f"generate-video/{self.name}"),
                    *("--tls-cert", str(self.trust), "--tls-key", str(self.folder / "key.pem")),
                ],
                env=environment(),
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stderr = self._gateway[-1].stderr
        assert stderr is not None
        said = stderr.readline()
        assert said.startswith("Listening on https://localhost:"), said

    def kill(self) -> None:
        """End the gateway with SIGKILL."""
        self._gateway[-1].kill()
        self._gateway[-1].wait()

    def client(self) -> httpx.Client:
        """Return an HTTP client of it."""
        trusting = ssl.create_default_context(cafile=str(self.trust))
        return httpx.Client(base_url=self.url, verify=trusting, timeout=30)

    def wait_for_line(self, request_id: str, line: str) -> None:
        """Ask about a request until its log has a line."""
        asked = f"{REQUESTS}/{request_id}/status?logs=1"
        until = time.monotonic() + 20
        with self.client() as client:
            while line not in (
                lines := [one["message"] for one in client.get(asked).json()["logs"]]
            ):
                assert time.monotonic() < until, lines
                time.sleep(0.2)

    def call(self, client: Client, call: str, **asked: Any) -> dict[str, Any]:
        """Make a call of a client."""
        return client(self.url, call, trust=self.trust, **asked)


def environment() -> dict[str, str]:
    """Return an environment that reaches the tests' Prefect server."""
    return {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }


@pytest.fixture(scope="module")
def studio(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A gateway and a worker around a store and the tiny checkpoint."""
    name = f"studio-{uuid.uuid4().hex[:8]}"
    folder = tmp_path_factory.mktemp("studio")
    LTXModel(checkpoint="tiny", device="cpu", options=EngineOptions(threads=1)).save(name)
    MediaStore(root=str(folder / "store")).save(name)
    deploy(name, model=name, store=name)
    deploy_drafts(name)
    made = Studio(name, folder, free_port(), certificate(folder))
    worker = subprocess.Popen(
        [str(BIN / "prefect"), "worker", "start", "--pool", name, "--type", "process"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        made.start()
        yield made
    finally:
        made.kill()
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def certificate(folder: Path) -> Path:
    """Write a certificate for this machine, which vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return folder / "cert.pem"


def check_video(result: dict[str, Any]) -> None:
    """Fail unless a client's result is the video that was asked for."""
    assert result["seed"] == 7
    assert result["video"]["content_type"] == "video/mp4"
    assert result["video"]["file_size"] > 1000


def test_subscribe_of_the_javascript_client(studio: Studio) -> None:
    """Polling, it hears of queue and progress, has its request's id, and finds every step."""
    told = studio.call(javascript, "subscribe", input=SMALL)
    check_video(told["value"]["data"])
    assert told["value"]["requestId"]
    seen = [update["status"] for update in told["updates"]]
    assert seen[0] == "IN_QUEUE"
    assert seen[-1] == "COMPLETED"
    lines = {line for update in told["updates"] for line in update["logs"]}
    assert any(re.fullmatch(r"first_pass: done after [\d.]+ s", line) for line in lines)
    # A pass of two steps may be over before its process has sent its log.
    studio.wait_for_line(told["value"]["requestId"], "first_pass: step 2 of 2")


def test_streaming_and_proxy_of_the_javascript_client(studio: Studio) -> None:
    """Through the documented proxy setting, streaming: no line comes twice."""
    told = studio.call(javascript, "subscribe", input=SMALL, mode="streaming", way="proxyUrl")
    check_video(told["value"]["data"])
    assert told["updates"][-1]["status"] == "COMPLETED"


def test_subscribe_of_the_python_client(studio: Studio) -> None:
    """Led by its environment alone; stages that were made before are cached."""
    told = studio.call(python, "subscribe", input=SMALL)
    check_video(told["value"])
    assert told["updates"][-1]["status"] == "Completed"


def test_a_direct_run(studio: Studio) -> None:
    """`run` waits for the video."""
    told = studio.call(javascript, "run", input=SMALL, way="fetch")
    check_video(told["value"]["data"])


def test_a_picture_in_the_input(studio: Studio) -> None:
    """A Blob is uploaded, the worker takes it from the store, and the video opens."""
    told = studio.call(
        javascript,
        "subscribe",
        input={**SMALL, "images": [{"image_url": "BLOB"}]},
        file={"path": str(SAMPLES / "cat.jpg"), "name": "cat.jpg", "type": "image/jpeg"},
    )
    check_video(told["value"]["data"])
    video = told["value"]["data"]["video"]
    trusting = ssl.create_default_context(cafile=str(studio.trust))
    opened = httpx.get(video["url"], verify=trusting)
    assert len(opened.content) == video["file_size"]
    assert opened.headers["content-type"] == "video/mp4"


def test_a_refused_prompt(studio: Studio) -> None:
    """The worker's refusal reaches the program with its type."""
    told = studio.call(python, "subscribe", input={**SMALL, "prompt": "a naked child"})
    assert told["error"]["status"] == 422
    assert "content_policy_violation" in str(told["error"]["message"])


def test_drafts_are_made_looked_at_and_refined(studio: Studio) -> None:
    """Asked for by a real client, chosen the moment that they can be, and had by the other one."""
    drafts = {"endpoint": f"{MULTICONDITIONING}/drafts", "input": {**SMALL, "seed": 6, "drafts": 2}}
    id_ = studio.call(javascript, "submit", **drafts)["value"]["request_id"]
    at = f"{REQUESTS}/{id_}"
    until = time.monotonic() + 180
    with studio.client() as client:
        while "choice" not in (told := client.get(f"{at}/status").json()):
            assert time.monotonic() < until, told
            time.sleep(0.2)
        told = studio.call(javascript, "status", id=id_, **drafts)["value"]
        [_, second] = told["choice"]["drafts"]
        assert client.get(second["preview_url"]).headers["content-type"] == "video/mp4"
        assert client.get(told["choice"]["sheet_url"]).content.startswith(b"\xff\xd8")
        chosen = client.post(told["choice"]["refine_url"], json={"drafts": [2]})
        assert chosen.status_code == 202, chosen.text
        while client.get(f"{at}/status").status_code == 202:
            assert time.monotonic() < until
            time.sleep(0.2)
        [result] = studio.call(python, "result", id=id_, **drafts)["value"]["results"]
        check_video(result)
        assert len(client.get(result["video"]["url"]).content) == result["video"]["file_size"]


@pytest.fixture
def webhooks(studio: Studio) -> Iterator[None]:
    """What `ltx deploy` sets up for webhooks, which one of the snippets asks for."""
    made: Any = RunnerDeployment.from_flow(deliver_webhook, name="cpu").apply()
    yield
    with get_client(sync_client=True) as client:
        client.delete_deployment(made)


def test_the_endpoints_own_snippets_end_in_a_video(studio: Studio, webhooks: None) -> None:
    """The programs of the endpoint's page, to the letter: one shows steps and result, one an id.

    They name nothing but a prompt; the endpoint's defaults are small here, and all else as ever.
    """
    house = house_before(studio.name, MediaStore.load(studio.name))
    small = {name: value for name, value in SMALL.items() if name != "prompt"}
    endpoints = {id_: replace(one, defaults=small) for id_, one in house.endpoints.items()}
    with serving(replace(house, endpoints=endpoints)) as url:
        programs = [begun(name, url) for name in ("subscribe.mjs", "queue.mjs")]
        shown, queued = (program.communicate(timeout=90)[0] for program in programs)
        at = f"{url}{REQUESTS}"
        with httpx.Client(timeout=30) as client:
            until = time.monotonic() + 60
            while client.get(f"{at}/{queued.strip()}/status").status_code != 200:
                assert time.monotonic() < until
                time.sleep(0.2)
            for id_ in (shown.split()[-1], queued.strip()):
                made = client.get(f"{at}/{id_}").json()
                check_video(made)
                opened = client.get(made["video"]["url"])
                assert len(opened.content) == made["video"]["file_size"]
    assert re.search(r"^[a-z_]+: (started|cached|step 1 of)", shown, re.MULTILINE)
    assert "/media/outputs/" in shown


def begun(snippet: str, gateway: str) -> subprocess.Popen[str]:
    """Start a program of the endpoint's page, its client led to a gateway."""
    return subprocess.Popen(
        [NODE, "--import", "./led.mjs", f"seed/{snippet}"],
        cwd=CLIENTS,
        env={**os.environ, "LTX_GATEWAY": gateway},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_gateway_loses_nothing(studio: Studio) -> None:
    """Killed after the submit, a new one gives the result out under the same id."""
    id_ = studio.call(python, "submit", input=SMALL)["value"]
    studio.kill()
    studio.start()
    for _ in range(60):
        if studio.call(python, "status", id=id_)["value"] == "Completed":
            break
    check_video(studio.call(python, "result", id=id_)["value"])
