"""The gateway's benchmark: what it says of its findings, and its plumbing with two clients."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gateway_findings import Findings, Level, percentile
from benchmarks.gateway_house import Load, furnished
from benchmarks.gateway_load import Bench, measure
from benchmarks.gateway_queue import Queued
from benchmarks.gateway_upload import Uploaded
from benchmarks.pollers import Answered

QUEUED = Queued(
    sent=10, at_prefect=10, places=10, as_handed_out=10, first=10, moved_up=9, waiting=9
)


def level(clients: int, *, slowest: float = 0.2, requests: float = 5, refused: int = 0) -> Level:
    load = Load(seconds=1, requests=requests, prefect_cpu=0.1, gateway_cpu=0.5)
    polls = [0.001] * 90 + [slowest] * 10
    asked, sent = Answered(polls), Answered([0.1], refused=refused)
    return Level("gateway", clients, javascript=0.5, polls=asked, submits=sent, load=load)


def findings(*levels: Level, queued: Queued = QUEUED) -> Findings:
    sent = Uploaded(size=2**30, seconds=4, before=2**27, most=2**27 + 2**24)
    return Findings(levels=levels, queued=queued, submits_a_second=10, uploaded=sent)


def verdicts(found: Findings) -> list[str]:
    return [row[3] for row in found.tables()[0].rows]


def test_goals_are_met_or_missed_by_what_was_measured() -> None:
    """A slow answer, a server that is asked more, a request at a wrong place: each is missed."""
    usual = (level(50), level(200))
    assert verdicts(findings(*usual)) == ["met"] * 8
    assert verdicts(findings(usual[0], level(200, slowest=0.3)))[0] == "missed"
    assert verdicts(findings(usual[0], level(200, requests=6)))[1] == "missed"
    assert verdicts(findings(usual[0], level(200, refused=1)))[2] == "missed"
    wrong = replace(QUEUED, at_prefect=9, places=9, as_handed_out=8, moved_up=0)
    assert verdicts(findings(*usual, queued=wrong))[3:7] == ["missed"] * 4


def test_a_percentile_is_a_value_that_was_seen() -> None:
    """Of a hundred values the 99th is the last but one."""
    assert percentile(range(1, 101), 99) == 99
    assert percentile([3.0], 50) == 3.0


@pytest.mark.slow
def test_two_clients_poll_both_sides(prefect_server: None, tmp_path: Path) -> None:
    """All of it runs, in small: nothing is lost, places are right, a file goes through."""
    bench = Bench(clients=(2,), seconds=0.5, queued=12, upload=2**20, warm_up=0.3, look=2.5)
    found = asyncio.run(measure(bench, furnished(tmp_path)))
    assert verdicts(found)[2:] == ["met"] * 6
    assert [one.side for one in found.levels] == ["gateway", "gateway", "Prefect server"]
    assert all(one.polls.took for one in found.levels)
    assert all(one.submits.took for one in found.levels if one.side == "gateway")
    assert found.levels[0].load.requests > 0
