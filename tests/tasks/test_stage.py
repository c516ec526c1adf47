"""Stages as Prefect tasks: their keys, their cache, their retries and their ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import flow

from blocks.media_store import MediaStore
from ltxv.errors import Misconfigured, Refused, Transient
from ltxv.frozen import Frozen
from ltxv.refs import Ref
from ltxv.result import StageRecord
from tasks.ledger import new_ledger
from tasks.stage import RETRIES, Stage, stage
from tasks.stage_key import StageKey


class Work(Frozen):
    """Something to do."""

    size: int
    note: str = ""


def ref(letter: str, path: str = "a") -> Ref:
    """Return a ref whose content is told by a letter."""
    return Ref(path=path, sha256=letter * 64, size=1)


def key(**inputs: object) -> str:
    """Return the key of a stage for its inputs."""
    policy = StageKey(stage="first_pass", version=1, inputs=tuple(inputs))
    return policy.compute_key(None, {**inputs, "store": object()}, {})  # type: ignore[arg-type]


def test_a_key_is_made_of_values() -> None:
    """Equal works have equal keys, whatever order their fields were given in."""
    assert key(work=Work(size=1, note="x")) == key(work=Work(note="x", size=1))
    assert key(work=Work(size=1)) != key(work=Work(size=2))
    assert key(work=Work(size=1)).startswith("first_pass/")


def test_refs_count_by_their_content() -> None:
    """Where bytes are kept does not matter; what they are and their order does."""
    assert key(items=[ref("a")]) == key(items=[ref("a", path="elsewhere")])
    assert key(items=[ref("a")]) != key(items=[ref("b")])
    assert key(items=[ref("a"), ref("b")]) != key(items=[ref("b"), ref("a")])


def test_stages_do_not_share_keys() -> None:
    """Two stages, two versions, or two inputs of the same value never collide."""
    policies = [
        StageKey(stage="first_pass", version=1, inputs=("work",)),
        StageKey(stage="second_pass", version=1, inputs=("work",)),
        StageKey(stage="first_pass", version=2, inputs=("work",)),
        StageKey(stage="first_pass", version=1, inputs=("other",)),
        StageKey(stage="first_pass", version=1, inputs=("work",), also=lambda: "ffmpeg 9"),
        StageKey(stage="first_pass", version=1, inputs=("work",), also=lambda: "ffmpeg 8"),
    ]
    inputs = {"work": Work(size=1), "other": Work(size=1)}
    keys = [policy.compute_key(None, inputs, {}) for policy in policies]  # type: ignore[arg-type]
    assert len(set(keys)) == len(policies)


@pytest.fixture
def store(prefect_server: None, tmp_path: Path) -> MediaStore:
    """A saved store in a folder of its own."""
    kept = MediaStore(root=str(tmp_path / "store"))
    kept.save(f"stage-{tmp_path.name[-20:].replace('_', '-')}", overwrite=True)
    return kept


def run(function: Callable[[], object]) -> object:
    """Call ``function`` inside a flow run."""
    return flow(function, name="stages-under-test")()


def no_delay(made: Stage[..., Ref]) -> Stage[..., Ref]:
    """Return the stage with retries that do not wait."""
    made.task = made.task.with_options(retry_delay_seconds=0, retry_jitter_factor=0)
    return made


def counting(outcomes: list[Exception | None], *, keep: timedelta | None = None) -> Stage[..., Ref]:
    """Return a stage that ends as ``outcomes`` say, one after the other."""

    @stage("encode_prompt", key=["text"], keep=keep)
    def counted(*, text: str, store: MediaStore) -> Ref:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return store.put(text.encode(), folder="texts", suffix="")

    return no_delay(counted)


def test_a_transient_error_is_tried_again(store: MediaStore) -> None:
    """The third try succeeds and nobody hears of the first two."""
    outcomes: list[Exception | None] = [Transient("busy"), Transient("busy"), None]
    made = counting(outcomes)
    result = run(lambda: made(text="a", store=store))
    assert isinstance(result, Ref)
    assert outcomes == []


@pytest.mark.parametrize(
    "error", [Refused.because(("prompt",), "no", type="x"), Misconfigured("no GPU"), KeyError("x")]
)
def test_no_other_error_is_tried_again(store: MediaStore, error: Exception) -> None:
    """A refusal, a misconfiguration or a bug is raised as it is, at once."""
    outcomes: list[Exception | None] = [error, None]
    made = counting(outcomes)
    with pytest.raises(type(error)):
        run(lambda: made(text="a", store=store))
    assert len(outcomes) == 1


def test_a_stage_that_keeps_failing_raises_its_error(store: MediaStore) -> None:
    """After the last try the transient error itself is what the caller gets."""
    made = counting([Transient("busy")] * 10)
    with pytest.raises(Transient, match="busy"):
        run(lambda: made(text="a", store=store))


def test_an_outcome_is_used_again_across_runs(store: MediaStore) -> None:
    """A second flow run gets an equal value without a second call, and the ledger says so."""
    outcomes: list[Exception | None] = [None]
    made = counting(outcomes)

    def once() -> tuple[object, str]:
        with new_ledger() as ledger:
            value = made(text="a", store=store)
        return value, ledger.records["encode_prompt"].state

    first, second = run(once), run(once)
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert first[0] == second[0]
    assert isinstance(second[0], Ref)
    assert (first[1], second[1]) == ("ran", "cached")


def test_an_expired_outcome_is_made_anew(store: MediaStore) -> None:
    """What is kept for a while only is not used after it."""
    made = counting([None, None], keep=timedelta(microseconds=1))
    with new_ledger() as ledger:
        run(lambda: made(text="a", store=store))
        run(lambda: made(text="a", store=store))
    assert ledger.records["encode_prompt"].state == "ran"


def test_what_was_made_before_a_moment_is_made_anew_once(store: MediaStore) -> None:
    """A store that counts older outcomes as absent uses what was made since, as a retry needs."""
    outcomes: list[Exception | None] = [None, None, None]
    made = counting(outcomes)
    run(lambda: made(text="a", store=store))
    time.sleep(0.05)  # a file's time comes from a clock that ticks every few milliseconds
    since = store.anew_since(datetime.now(UTC))
    time.sleep(0.05)
    with new_ledger() as ledger:
        run(lambda: made(text="a", store=since))
        run(lambda: made(text="a", store=since))
    assert ledger.records["encode_prompt"].state == "ran"
    with new_ledger() as ledger:
        run(lambda: made(text="a", store=since))
    assert ledger.records["encode_prompt"].state == "cached"
    assert len(outcomes) == 1


def test_refusals_side_by_side_are_one(store: MediaStore) -> None:
    """All calls end before the refusals are raised together; another error is raised as it is."""

    @stage("fetch_media", key=["number"])
    def refusing(*, number: int, store: MediaStore) -> Ref:
        raise Refused.because(("images", number), "bad", type="x")

    with pytest.raises(Refused) as caught:
        run(lambda: refusing.each([{"number": n, "store": store} for n in range(3)]))
    assert [violation.loc for violation in caught.value.violations] == [
        ("images", 0),
        ("images", 1),
        ("images", 2),
    ]


def test_a_refusal_is_told_before_a_fault(store: MediaStore) -> None:
    """Of a fault and a refusal side by side the caller hears of what the caller can mend."""

    @stage("fetch_media", key=["number"])
    def failing(*, number: int, store: MediaStore) -> Ref:
        if number:
            raise Refused.because(("images", number), "bad", type="x")
        raise Misconfigured("full")

    with pytest.raises(Refused):
        run(lambda: failing.each([{"number": n, "store": store} for n in range(2)]))
    with pytest.raises(Misconfigured):
        run(lambda: failing.each([{"number": 0, "store": store}]))


@pytest.mark.parametrize("error", [Misconfigured("no key"), Transient("busy")])
def test_a_stage_that_may_fail_has_something_instead(store: MediaStore, error: Exception) -> None:
    """The run goes on without its outcome, which is not kept: the next run tries again."""
    made = counting([error] * (RETRIES + 1 if isinstance(error, Transient) else 1) + [None])
    instead = ref("b")

    def calls() -> tuple[Ref, StageRecord]:
        with new_ledger() as ledger:
            outcome = made.or_else(instead, text="a", store=store)
            return outcome, ledger.records["encode_prompt"]

    outcome, record = run(calls)  # type: ignore[misc]
    assert outcome is instead
    assert record.state == "ran"
    outcome, record = run(calls)  # type: ignore[misc]
    assert outcome.sha256 != instead.sha256
