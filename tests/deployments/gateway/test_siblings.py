"""The sibling endpoints: the same requests, with fields and defaults of their own."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Failed

from blocks.run_notes import note_failure
from deployments.gateway.endpoint_ids import DISTILLED, endpoints_of
from ltxv.errors import Refused
from tests.deployments.gateway.conftest import REQUESTS, Gateway, run_of, turn, wait_for

PHOTO = "https://cdn.example.org/cat.jpg"
CLIP = {"video_url": "https://cdn.example.org/cat.mp4", "start_frame_num": 24}


@pytest.mark.parametrize(
    ("path", "fields", "items"),
    [
        ("", {}, {"images": [], "videos": []}),
        ("/image-to-video", {"image_url": PHOTO}, {"images": [PHOTO]}),
        ("/extend", {"video": CLIP}, {"videos": [CLIP["video_url"]]}),
    ],
)
def test_siblings_are_the_same_request(
    gateway: Gateway, path: str, fields: dict[str, Any], items: dict[str, list[str]]
) -> None:
    """Their one item is in the request's lists; status and result are at the shortened id."""
    asked = {"prompt": f"a cat {uuid.uuid4()}", **fields}
    answer = gateway.client().post(f"/queue/{DISTILLED}{path}", json=asked)
    assert answer.status_code == 200, answer.text
    id_ = answer.json()["request_id"]
    request = run_of(id_).parameters["request"]
    for name, urls in items.items():
        assert [one.get("image_url") or one["video_url"] for one in request[name]] == urls
    assert gateway.get(f"{REQUESTS}/{id_}/status").status_code == 202


def test_mistakes_have_the_siblings_own_names(gateway: Gateway) -> None:
    """What is wrong is told of the field that was sent, before and after the submit."""
    with gateway.client() as client:
        missing = client.post(f"/queue/{DISTILLED}/image-to-video", json={"prompt": "a"})
        assert missing.json()["detail"][0]["loc"] == ["body", "image_url"]
        odd = {"prompt": "a", "video": {**CLIP, "start_frame_num": 3}}
        wrong = client.post(f"/queue/{DISTILLED}/extend", json=odd)
        assert wrong.json()["detail"][0]["loc"] == ["body", "video", "start_frame_num"]
        stray = client.post(f"/queue/{DISTILLED}", json={"prompt": "a", "images": []})
        assert stray.json()["detail"][0]["type"] == "extra_forbidden"
        local = {"prompt": "a", "image_url": "file:///etc/passwd"}
        place = client.post(f"/queue/{DISTILLED}/image-to-video", json=local)
        assert place.json()["detail"][0]["loc"] == ["body", "image_url"]
        asked = {"prompt": f"a {uuid.uuid4()}", "image_url": PHOTO}
        id_ = client.post(f"/queue/{DISTILLED}/image-to-video", json=asked).json()["request_id"]
    gone = Refused.because(("images", 0, "image_url"), "not there", type="file_download_error")
    note_failure(id_, gone, gateway.store)
    turn(id_, Failed())
    wait_for(gateway, f"{REQUESTS}/{id_}/status", "COMPLETED")
    [detail] = gateway.get(f"{REQUESTS}/{id_}").json()["detail"]
    assert detail["loc"] == ["body", "image_url"]


def test_another_checkpoint_has_its_own_defaults(gateway: Gateway) -> None:
    """A family that is not known is refused by name; the later one has a frame rate of 24."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"generate-video/{gateway.pool}")
    later = endpoints_of(deployment, "fal-ai/ltxv-13b-098-distilled")
    one = later["fal-ai/ltxv-13b-098-distilled/multiconditioning"]
    made = one.kind.request({"prompt": "a cat"}, one.defaults)
    assert (made.frame_rate, made.constant_rate_factor) == (24, 29)
    with pytest.raises(Refused, match="fal-ai/flux"):
        endpoints_of(deployment, "fal-ai/flux")
