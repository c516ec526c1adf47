"""Whose turn it is at an engine."""

from __future__ import annotations

from deployments.engine.jobs import Job, Jobs


def waiting(*asked: tuple[str, int]) -> Jobs:
    """Return the queue to which jobs of these stages and priorities came, in this order."""
    jobs = Jobs(most=16)
    for stage, priority in asked:
        jobs.add(Job(stage, run=lambda _: b"", priority=priority, inputs=frozenset()))
    return jobs


def turns(jobs: Jobs) -> list[tuple[str, int]]:
    """Return stage and priority of each job as it is taken."""
    taken = []
    while (job := jobs.next(within=0)) is not None:
        taken.append((job.stage, job.priority))
    return taken


def test_what_is_nearest_to_the_end_of_its_clip_goes_first() -> None:
    """Runs that began together do not end together, so that the engine has work in between."""
    jobs = waiting(
        ("first_pass", 0), ("encode_prompt", 0), ("second_pass", 0), ("decode", 0), ("decode", 0)
    )
    assert [stage for stage, _ in turns(jobs)] == [
        "decode",
        "decode",
        "second_pass",
        "encode_prompt",
        "first_pass",
    ]


def test_priority_counts_before_the_stage() -> None:
    """A first pass that someone waits for goes before the last stage of a batch's row."""
    jobs = waiting(("decode", 2), ("first_pass", 1), ("second_pass", 1))
    assert turns(jobs) == [("second_pass", 1), ("first_pass", 1), ("decode", 2)]


def test_who_waits_is_told_how_many_go_before() -> None:
    """A decode comes before a first pass that was there earlier, after a decode that was."""
    jobs = waiting(("first_pass", 0), ("decode", 0))
    last = Job("decode", run=lambda _: b"", priority=0, inputs=frozenset())
    assert jobs.add(last) == 1
