"""Drafts over HTTP, on real flow runs whose states a worker would set."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.input.run_input import keyset_from_paused_state
from prefect.states import Completed, Running, Suspended

from blocks.draft_notes import DraftsNote, NotedDraft, Refined, note_drafts, noted_drafts
from deployments.gateway.drafts import choice
from deployments.gateway.endpoint_ids import MULTICONDITIONING
from flows.draft_choice import _form
from ltxv.refs import MediaRef
from ltxv.request import parse_request
from tests.deployments.gateway.conftest import (
    REQUESTS,
    SMALL,
    SUBMIT,
    Gateway,
    run_of,
    turn,
    wait_for,
)
from tests.deployments.gateway.test_queue import VIDEO

DRAFTS = f"{SUBMIT}/drafts"
BIG = {"prompt": "a cat", "number_of_frames": 257}
CLIP = b"a clip of a draft"
REFUSED = {"loc": ["body", "prompt"], "msg": "unsafe", "type": "content_policy_violation"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no worker to let go of a run: there is none."""
    monkeypatch.setattr(choice, "LET_GO_SECONDS", 0.0)


def ask(gateway: Gateway, *, within: float = 3600, **fields: Any) -> httpx.Response:
    """Ask for drafts that have to be begun within some seconds."""
    asked = {**SMALL, "prompt": f"a cat {uuid.uuid4().hex}", **fields}
    with gateway.client(headers={"x-fal-request-timeout": str(within)}) as client:
        return client.post(DRAFTS, json=asked)


def refine(gateway: Gateway, id_: str, drafts: Any, **settings: Any) -> httpx.Response:
    """Choose."""
    with gateway.client() as client:
        return client.post(f"{REQUESTS}/{id_}/refine", json={"drafts": drafts, **settings})


def drafted(gateway: Gateway, numbers: Sequence[int] = (1, 2), *, within: float = 3600) -> str:
    """Have drafts made as a worker does, and its run suspended; the others were refused."""
    id_: str = ask(gateway, within=within, drafts=max(numbers)).json()["request_id"]
    turn(id_, Running())
    clip = gateway.store.put(CLIP, folder="clips", suffix=".mp4")
    look = MediaRef(
        **clip.model_dump(),
        kind="video",
        content_type="video/mp4",
        width=240,
        height=240,
        frames=9,
        frame_rate=24,
    )
    made = [
        NotedDraft(draft=n, seed=6 + n, preview=look if n in numbers else None)
        for n in range(1, max(numbers) + 1)
    ]
    sheet = gateway.store.put(b"a sheet", folder="sheets", suffix=".jpg")
    note_drafts(id_, DraftsNote(drafts=tuple(made), sheet=sheet), gateway.store)
    state: Any = Suspended(pause_key="choice-1")
    keys = keyset_from_paused_state(state)
    state.state_details.run_input_keyset = keys
    turn(id_, state)
    form = _form(numbers, parse_request(SMALL), "Choose.")
    with get_client(sync_client=True) as client:
        schema = json.dumps(form.model_json_schema())
        client.create_flow_run_input(uuid.UUID(id_), key=keys["schema"], value=schema)
    return id_


def complete(gateway: Gateway, id_: str, *refined: Refined) -> None:
    """End a run as a worker does that refined drafts."""
    note = noted_drafts(id_, gateway.store)
    assert note is not None
    note_drafts(id_, note.model_copy(update={"refined": refined}), gateway.store)
    turn(id_, Completed())


def resumed(id_: str) -> int:
    """Return how often a run was given back to the workers."""
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(uuid.UUID(id_))
    return [state.name for state in states].count("Resuming")


@pytest.fixture(scope="module")
def waiting(drafting: Gateway) -> str:
    """A request that waits for a choice; its second draft was refused."""
    return drafted(drafting, [1, 3])


def test_drafts_are_looked_at_while_their_run_waits(drafting: Gateway) -> None:
    """The status has the drafts, with addresses that open for those who were told alone."""
    id_ = drafted(drafting, [1, 3])
    run = run_of(id_)
    assert (run.parameters["drafts"], run.parameters["store"]) == (3, drafting.pool)
    told = wait_for(drafting, f"{REQUESTS}/{id_}/status", "IN_PROGRESS")
    offer = told["choice"]
    assert [(one["draft"], one["seed"]) for one in offer["drafts"]] == [(1, 7), (2, 8), (3, 9)]
    assert offer["drafts"][1]["preview_url"] is None
    assert offer["refine_url"] == f"{told['response_url']}/refine"
    look = httpx.get(offer["drafts"][0]["preview_url"])
    assert (look.content, look.headers["content-type"]) == (CLIP, "video/mp4")
    assert httpx.get(offer["sheet_url"]).headers["content-type"] == "image/jpeg"
    other = offer["sheet_url"].replace("/sheets/", "/clips/")
    assert httpx.get(other).status_code == 404
    early = drafting.get(f"{REQUESTS}/{id_}")
    assert (early.status_code, early.json()["error_type"]) == (400, "bad_request")
    assert "choice" in early.json()["detail"]


def test_a_choice_is_refined_once_however_often_it_is_sent(drafting: Gateway) -> None:
    """The same again has the same answer, another one is refused, before and after the end."""
    id_ = drafted(drafting)
    first, again = (refine(drafting, id_, [2, 1]) for _ in range(2))
    assert (first.status_code, first.json()["status"]) == (202, "IN_QUEUE")
    assert "choice" not in first.json()
    assert (again.status_code, again.json()["request_id"]) == (202, id_)
    other = refine(drafting, id_, [1])
    assert (other.status_code, "2, 1" in other.json()["detail"]) == (409, True)
    assert resumed(id_) == 1
    complete(drafting, id_, Refined(draft=2, result=VIDEO), Refined(draft=1, refused=(REFUSED,)))
    wait_for(drafting, f"{REQUESTS}/{id_}/status", "COMPLETED")
    made = drafting.get(f"{REQUESTS}/{id_}").json()
    assert [(one["draft"], one["video"]["url"]) for one in made["results"]] == [
        (2, VIDEO.video.url)
    ]
    assert made["refused"] == [{"draft": 1, "detail": [REFUSED]}]
    assert refine(drafting, id_, [2, 1]).status_code == 200
    assert refine(drafting, id_, [2]).status_code == 409
    assert resumed(id_) == 1


def test_a_choice_that_waits_for_a_worker_is_no_late_beginning(drafting: Gateway) -> None:
    """What was begun in time is not given up afterwards."""
    id_ = drafted(drafting, within=1)
    assert refine(drafting, id_, [1]).json()["status"] == "IN_QUEUE"
    time.sleep(1.2)
    assert drafting.get(f"{REQUESTS}/{id_}/status").json()["status"] == "IN_QUEUE"


def test_of_two_choices_at_a_time_one_is_made(drafting: Gateway) -> None:
    """The other is told which."""
    id_ = drafted(drafting)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda number: refine(drafting, id_, [number]), (1, 2)))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert resumed(id_) == 1


@pytest.mark.parametrize(
    ("drafts", "settings", "loc"),
    [
        ([2], {}, ["drafts", 0]),
        ([1, 4], {}, ["drafts", 1]),
        ([1, 1], {}, ["drafts", 1]),
        ([], {}, ["drafts"]),
        (["1"], {}, ["drafts", 0]),
        ([1], {"second_pass_skip_initial_steps": 8}, ["second_pass_skip_initial_steps"]),
        ([1], {"seed": 3}, ["seed"]),
    ],
)
def test_what_cannot_be_chosen_is_refused_at_its_field(
    drafting: Gateway, waiting: str, drafts: Any, settings: dict[str, Any], loc: list[Any]
) -> None:
    """Nothing is lost by it: the run goes on waiting."""
    answer = refine(drafting, waiting, drafts, **settings)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *loc]
    state = run_of(waiting).state
    assert state is not None
    assert state.is_paused()


def test_there_is_a_time_to_choose(drafting: Gateway) -> None:
    """Too early, cancelled, and of a request that makes no drafts are three clear errors."""
    early = ask(drafting).json()["request_id"]
    video = drafting.submit()["request_id"]
    for id_, said in ((early, "not ready yet"), (video, "it makes no drafts")):
        answer = refine(drafting, id_, [1])
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True)
    over = drafted(drafting)
    with drafting.client() as client:
        assert client.put(f"{REQUESTS}/{over}/cancel").status_code == 202
    answer = refine(drafting, over, [1])
    assert (answer.status_code, "was cancelled" in answer.json()["detail"]) == (400, True)
    assert refine(drafting, str(uuid.uuid4()), [1]).status_code == 404


@pytest.mark.parametrize("number", [0, 17, "2", True, None])
def test_a_number_of_drafts_that_nobody_makes_is_refused(drafting: Gateway, number: Any) -> None:
    """It is told along with whatever else is wrong."""
    answer = ask(drafting, drafts=number, resolution="4k")
    assert answer.status_code == 422
    found = [one["loc"] for one in answer.json()["detail"]]
    assert found == [["body", "drafts"], ["body", "resolution"]]


def test_a_plan_says_what_drafts_would_cost(drafting: Gateway) -> None:
    """More drafts take more; what each refinement takes besides is told apart."""
    with drafting.client() as client:
        plans = [
            client.post(f"/plan/{MULTICONDITIONING}/drafts", json={**BIG, "drafts": n}).json()
            for n in (1, 3)
        ]
    assert [plan["drafts"] for plan in plans] == [1, 3]
    assert plans[1]["drafts_gpu_seconds"] > 2 * plans[0]["drafts_gpu_seconds"] > 0
    whole = plans[0]["plan"]["estimate"]["gpu_seconds"]
    apart = plans[0]["drafts_gpu_seconds"] + plans[0]["refine_gpu_seconds"]
    assert whole < apart < 1.2 * whole


def test_a_gateway_without_drafts_says_so(gateway: Gateway) -> None:
    """The operator is told what to do."""
    answer = ask(gateway)
    assert (answer.status_code, "ltx deploy" in answer.json()["detail"]) == (404, True)
