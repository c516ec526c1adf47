"""The queue's protocol, on real flow runs whose states a worker would set."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from prefect.states import Cancelled, Completed, Failed, Pending, Running

from blocks.run_notes import RunNote, note_failure, note_run
from deployments.gateway.endpoint_ids import MULTICONDITIONING
from ltxv.errors import Refused
from ltxv.refs import Ref
from ltxv.result import File, VideoResult
from tests.deployments.gateway.conftest import REQUESTS, SUBMIT, Gateway, run_of, turn, wait_for

FULL = f"/queue/{MULTICONDITIONING}/requests"
VIDEO = VideoResult(
    video=File(
        url="https://cdn.example.org/cat.mp4",
        content_type="video/mp4",
        file_name="cat.mp4",
        file_size=7,
    ),
    prompt="a cat",
    seed=7,
)


def complete(gateway: Gateway, request_id: str) -> None:
    """End a run as a worker does that made a video."""
    sheet = Ref(path="sheets/a.jpg", sha256="0" * 64, size=1)
    note_run(request_id, RunNote(result=VIDEO, sheet=sheet), gateway.store)
    turn(request_id, Completed())


def test_a_submit_becomes_a_flow_run_at_once(gateway: Gateway) -> None:
    """The answer has what both clients need; the run is tagged and at the interactive queue."""
    told = gateway.submit()
    assert told["status"] == "IN_QUEUE"
    assert told["queue_position"] >= 0
    base = f"{gateway.url}{REQUESTS}/{told['request_id']}"
    assert told["response_url"] == base
    assert told["status_url"] == f"{base}/status"
    assert told["cancel_url"] == f"{base}/cancel"
    run = run_of(told["request_id"])
    assert {"gateway", "key:nobody", f"endpoint:{MULTICONDITIONING}"} <= set(run.tags)
    assert run.work_queue_name == "interactive"
    assert run.parameters["request"]["seed"] == 7


def test_a_request_goes_its_way_under_every_form_of_its_address(gateway: Gateway) -> None:
    """Full and shortened ids, a slash at the end; 202 until it is over, then 200 and a result."""
    id_ = gateway.submit()["request_id"]
    turn(id_, Running())
    told = wait_for(gateway, f"{REQUESTS}/{id_}/status", "IN_PROGRESS")
    assert told["logs"] == []
    assert gateway.get(f"{FULL}/{id_}/status").status_code == 202
    early = gateway.get(f"{REQUESTS}/{id_}")
    assert (early.status_code, early.json()["detail"]) == (400, "Request is still in progress")
    complete(gateway, id_)
    told = wait_for(gateway, f"{FULL}/{id_}/status/?logs=true", "COMPLETED")
    assert "error" not in told
    assert told["metrics"]["inference_time"] >= 0
    assert gateway.get(f"{REQUESTS}/{id_}/status").status_code == 200
    for path in (f"{REQUESTS}/{id_}", f"{FULL}/{id_}/", f"{FULL}/{id_}/response"):
        answer = gateway.get(path)
        assert answer.status_code == 200
        assert answer.json()["video"]["url"] == VIDEO.video.url
        assert answer.headers["x-fal-request-id"] == id_


def test_a_failure_is_completed_with_its_reason(gateway: Gateway) -> None:
    """Status has error and type, and the result is the flow's own refusal with field and type."""
    id_ = gateway.submit()["request_id"]
    refused = Refused.because(
        ("prompt",), "it is unsafe", type="content_policy_violation", input="a cat"
    )
    note_failure(id_, refused, gateway.store)
    turn(id_, Failed(message=f"Flow run encountered an exception: Refused: {refused}"))
    told = wait_for(gateway, f"{REQUESTS}/{id_}/status", "COMPLETED")
    assert (told["error"], told["error_type"]) == (
        "prompt: it is unsafe",
        "content_policy_violation",
    )
    answer = gateway.get(f"{REQUESTS}/{id_}")
    assert answer.status_code == 422
    assert answer.headers["x-fal-request-id"] == id_
    assert answer.headers["x-fal-retryable"] == "false"
    assert answer.json()["message"] == "prompt: it is unsafe"
    (detail,) = answer.json()["detail"]
    assert detail["loc"] == ["body", "prompt"]
    assert detail["type"] == "content_policy_violation"


@pytest.mark.parametrize(
    ("message", "status", "type_"),
    [
        ("Flow run encountered an exception: Refused: images.0: too small", 422, "value_error"),
        ("/srv/secret.py line 3", 500, "internal_server_error"),
    ],
)
def test_a_failure_without_a_note_says_no_more_than_it_may(
    gateway: Gateway, message: str, status: int, type_: str
) -> None:
    """A refusal's text is the caller's; whatever else the state says is the operator's."""
    id_ = gateway.submit()["request_id"]
    turn(id_, Failed(message=message))
    wait_for(gateway, f"{REQUESTS}/{id_}/status", "COMPLETED")
    answer = gateway.get(f"{REQUESTS}/{id_}")
    assert answer.status_code == status
    assert answer.json()["detail"][0]["type"] == type_
    assert "/srv" not in answer.text


def test_a_cancel_takes_a_request_out_of_the_queue(gateway: Gateway) -> None:
    """It is completed as cancelled, its result is 499, and cancelling it again is 400."""
    id_ = gateway.submit()["request_id"]
    with gateway.client() as client:
        answer = client.put(f"{REQUESTS}/{id_}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "CANCELLATION_REQUESTED")
        told = client.get(f"{REQUESTS}/{id_}/status").json()
        assert (told["status"], told["error_type"]) == ("COMPLETED", "client_cancelled")
        assert client.get(f"{REQUESTS}/{id_}").status_code == 499
        again = client.put(f"{REQUESTS}/{id_}/cancel")
    assert (again.status_code, again.json()["status"]) == (400, "ALREADY_COMPLETED")
    state = run_of(id_).state
    assert state is not None
    assert state.is_cancelled()


def test_a_cancelled_run_that_was_begun_is_told_to_stop(gateway: Gateway) -> None:
    """Its worker is told; once it ended the request is completed."""
    id_ = gateway.submit()["request_id"]
    turn(id_, Running())
    with gateway.client() as client:
        assert client.put(f"{REQUESTS}/{id_}/cancel").status_code == 202
    state = run_of(id_).state
    assert state is not None
    assert state.is_cancelling()
    turn(id_, Cancelled())
    assert wait_for(gateway, f"{REQUESTS}/{id_}/status", "COMPLETED")["error"]


@pytest.mark.parametrize(
    "id_", ["7d1f0c8e-5b7a-4f0e-9d4b-1c2a3b4d5e6f", "nonsense", "..%2f..%2fetc"]
)
def test_what_is_not_there_is_404(gateway: Gateway, id_: str) -> None:
    """Unknown ids have the endpoint's shape, and an id in the header like every answer."""
    for answer in (
        gateway.get(f"{REQUESTS}/{id_}/status"),
        gateway.get(f"{REQUESTS}/{id_}"),
        gateway.client().put(f"{REQUESTS}/{id_}/cancel"),
    ):
        assert answer.status_code == 404
        assert answer.json()["message"]
        assert answer.headers["x-fal-request-id"]


def test_an_unknown_endpoint_is_404(gateway: Gateway) -> None:
    """Whoever asks for another application is told that there is none."""
    answer = gateway.client().post("/queue/fal-ai/flux/dev", json={"prompt": "a cat"})
    assert answer.status_code == 404
    assert "not found" in answer.json()["detail"]


def test_every_mistake_is_told_in_the_endpoints_form(gateway: Gateway) -> None:
    """One entry for each field, a message for the JavaScript client, and nothing is submitted."""
    asked = {"prompt": "a cat", "resolution": "4k", "images": [{"start_frame_num": 3}]}
    answer = gateway.client().post(SUBMIT, json=asked)
    assert answer.status_code == 422
    found = {".".join(map(str, one["loc"])): one["type"] for one in answer.json()["detail"]}
    assert found == {
        "body.resolution": "literal_error",
        "body.images.0.image_url": "missing",
        "body.images.0.start_frame_num": "multiple_of",
    }
    assert "resolution" in answer.json()["message"]
    assert answer.headers["x-fal-billable-units"] == "0"


BAD: list[tuple[Any, int, str]] = [
    (b'{"prompt": ', 422, "json_invalid"),
    (b'{"prompt": "a", "strength": NaN}', 422, "json_invalid"),
    (b"\xff\xfe", 422, "json_invalid"),
    (b"[" * 100_000, 422, "json_invalid"),
    (b'"a cat"', 422, "model_type"),
    (b'{"prompt": {"a": 1}}', 422, "string_type"),
    (b'{"prompt": "a", "images": [{"image_url": "file:///etc/passwd"}]}', 422, "file_download"),
    (b'{"prompt": "a", "videos": [{"video_url": "s3://b/a.mp4"}]}', 422, "file_download"),
    (b'{"prompt": "a", "loras": [{"path": "/etc/passwd"}]}', 422, "file_download"),
    (b'{"prompt": "' + b"a" * (65 * 2**20), 413, "file_too_large"),
]


@pytest.mark.parametrize(("body", "status", "type_"), BAD, ids=lambda value: str(value)[:20])
def test_bad_bodies_are_refused(gateway: Gateway, body: bytes, status: int, type_: str) -> None:
    """Whatever is sent is an answer in the endpoint's shape, never a fault."""
    headers = {"content-type": "application/json"}
    answer = gateway.client().post(SUBMIT, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["type"].startswith(type_)


def test_a_large_data_uri_goes_into_the_store(gateway: Gateway) -> None:
    """Prefect takes 512 kB of parameters; a photo in the request has more."""
    photo = "data:image/png;base64," + "iVBORw0KGgo" + "A" * 800_001
    id_ = gateway.submit(images=[{"image_url": photo}])["request_id"]
    url = run_of(id_).parameters["request"]["images"][0]["image_url"]
    assert url.startswith("file://")


def test_positions_are_those_of_the_real_queue(gateway: Gateway) -> None:
    """Later ones are behind, low ones behind all others, and everyone moves up."""
    first, second = (gateway.submit() for _ in range(2))
    with gateway.client(headers={"x-fal-queue-priority": "low"}) as client:
        low = client.post(SUBMIT, json={"prompt": f"low {uuid.uuid4()}"}).json()
    third = gateway.submit()
    for _ in range(50):  # the line is read now and then, and runs of other tests leave it meanwhile
        at = {id_: _position(gateway, id_) for id_ in (first["request_id"], second["request_id"])}
        if at[second["request_id"]] == at[first["request_id"]] + 1:
            break
        time.sleep(0.2)
    else:
        pytest.fail(f"the second is not behind the first: {at}")
    assert _position(gateway, low["request_id"]) > _position(gateway, third["request_id"])
    assert run_of(low["request_id"]).work_queue_name == "batch"
    turn(first["request_id"], Pending())
    before = at[second["request_id"]]
    for _ in range(50):
        if _position(gateway, second["request_id"]) < before:
            break
        wait_for(gateway, f"{REQUESTS}/{second['request_id']}/status", "IN_QUEUE")
    else:
        pytest.fail("nobody moved up")


def _position(gateway: Gateway, id_: str) -> int:
    position: int = gateway.get(f"{REQUESTS}/{id_}/status").json()["queue_position"]
    return position


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-fal-queue-priority", "urgent"),
        ("x-fal-request-timeout", "soon"),
        ("x-fal-request-timeout", "nan"),
        ("x-fal-object-lifecycle-preference", "[1]"),
        ("x-idempotency-key", "k" * 300),
    ],
)
def test_bad_headers_are_refused_by_name(gateway: Gateway, name: str, value: str) -> None:
    """A header that says nothing that we know is 400, with its name."""
    answer = gateway.client().post(SUBMIT, json={"prompt": "a cat"}, headers={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["detail"]
    assert answer.headers["x-fal-error-type"] == "bad_request"


def test_a_request_that_nobody_begins_in_time_is_given_up(gateway: Gateway) -> None:
    """It is completed as a timeout of the user's, which no client tries again."""
    with gateway.client(headers={"x-fal-request-timeout": "1.0"}) as client:
        id_ = client.post(SUBMIT, json={"prompt": f"late {uuid.uuid4()}"}).json()["request_id"]
    told = wait_for(gateway, f"{REQUESTS}/{id_}/status", "COMPLETED")
    assert told["error_type"] == "startup_timeout"
    answer = gateway.get(f"{REQUESTS}/{id_}")
    assert answer.status_code == 504
    assert answer.headers["x-fal-request-timeout-type"] == "user"
    state = run_of(id_).state
    assert state is not None
    assert state.is_cancelled()


def test_a_result_is_kept_for_as_long_as_was_asked_for(gateway: Gateway) -> None:
    """A second later it is gone, and the answer says since when."""
    headers = {"x-fal-object-lifecycle-preference": '{"expiration_duration_seconds": 1}'}
    with gateway.client() as client:
        asked = {"prompt": f"a cat {uuid.uuid4()}"}
        id_ = client.post(SUBMIT, json=asked, headers=headers).json()["request_id"]
    complete(gateway, id_)
    wait_for(gateway, f"{REQUESTS}/{id_}/status", "COMPLETED")
    time.sleep(1.1)
    gone = gateway.get(f"{REQUESTS}/{id_}")
    assert gone.status_code == 404
    assert gone.json()["message"].startswith("the result was kept until 2")
