"""One port that stands for four hosts, for browsers and for proxies."""

from __future__ import annotations

import pytest

from deployments.gateway.endpoint_ids import MULTICONDITIONING
from tests.deployments.gateway.conftest import SUBMIT, Gateway

BAD = {"prompt": ""}


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("queue.fal.run", f"/{MULTICONDITIONING}"),
        ("fal.run:443", f"/{MULTICONDITIONING}/"),
        ("127.0.0.1", f"/run/{MULTICONDITIONING}"),
        ("localhost", SUBMIT),
    ],
)
def test_hosts_are_told_apart_by_name_or_by_prefix(gateway: Gateway, host: str, path: str) -> None:
    """A bad request gets the endpoint's own answer whichever way it came."""
    answer = gateway.client().post(path, json=BAD, headers={"host": host})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "prompt"]


def test_addresses_are_those_that_the_caller_knows(gateway: Gateway) -> None:
    """Whoever came by the hosted name goes on by it."""
    answer = gateway.client().post(
        f"/{MULTICONDITIONING}", json={"prompt": "by name"}, headers={"host": "queue.fal.run"}
    )
    assert answer.json()["status_url"].startswith(
        "http://queue.fal.run/fal-ai/ltx-video-13b-distilled/requests/"
    )


def test_a_proxied_call_is_led_to_its_target(gateway: Gateway) -> None:
    """The clients' proxy mode names the address; others than the hosted service's are refused."""
    target = f"https://queue.fal.run/{MULTICONDITIONING}"
    with gateway.client() as client:
        led = client.post("/api/fal/proxy", json=BAD, headers={"x-fal-target-url": target})
        assert led.status_code == 422
        for elsewhere in ("https://example.org/", "file:///etc/passwd", "http://[", "nonsense"):
            refused = client.post("/", json=BAD, headers={"x-fal-target-url": elsewhere})
            assert refused.status_code == 412
            assert refused.headers["x-fal-request-id"]


def test_browsers_may_read_what_the_client_needs(gateway: Gateway) -> None:
    """A preflight lets the client's headers through, and answers show theirs."""
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-fal-queue-priority",
    }
    with gateway.client() as client:
        preflight = client.options(SUBMIT, headers=asked)
        assert preflight.status_code == 200
        assert "x-fal-queue-priority" in preflight.headers["access-control-allow-headers"]
        answer = client.post(SUBMIT, json=BAD, headers={"origin": "http://localhost:3000"})
    exposed = answer.headers["access-control-expose-headers"]
    assert "x-fal-request-id" in exposed
    assert "x-fal-request-timeout-type" in exposed
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_openapi_page_has_the_endpoints_schema(gateway: Gateway) -> None:
    """Programs that read it find the request's fields and every address."""
    page = gateway.get("/openapi.json").json()
    body = page["paths"][SUBMIT]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/VideoRequest"}
    assert "number_of_frames" in page["components"]["schemas"]["VideoRequest"]["properties"]
    assert any(path.endswith("/status/stream") for path in page["paths"])
