"""Which levers are kept."""

from __future__ import annotations

import torch

from benchmarks.engine_run import EngineRun
from benchmarks.levers import LEVERS, pull, table
from benchmarks.stopwatch import Cost, Stopwatch
from ltxv.engine_options import EngineOptions
from ltxv.errors import Misconfigured

SECONDS = {
    EngineOptions().digest: 10.0,
    LEVERS["compile"].digest: 9.0,
    LEVERS["channels_last"].digest: 9.95,
    LEVERS["_native_cudnn"].digest: 8.0,
    LEVERS["_native_flash"].digest: 8.5,
    EngineOptions(attention_backend="_native_cudnn", compile=True).digest: 7.0,
}


def runs(options: EngineOptions) -> list[EngineRun]:
    """Return one run of known length, or what an engine raises that lacks something."""
    if options.fp8:
        raise Misconfigured("fp8 needs torchao")
    watch = Stopwatch(parts={"second_pass": Cost(SECONDS[options.digest], 0, 1)})
    return [EngineRun(watch, {}, torch.ones(4))]


def test_only_what_is_faster_is_kept() -> None:
    """Less than 1 % is noise; of two attention backends the faster goes with what is kept."""
    names = ["_native_cudnn", "_native_flash", "compile", "channels_last", "fp8"]
    rows = {row[0]: row[-1] for row in table(pull(names, runs)).rows}
    assert rows == {
        "none": "",
        "_native_cudnn": "kept",
        "_native_flash": "kept",
        "compile": "kept",
        "channels_last": "left out",
        "fp8": "not available: Misconfigured: fp8 needs torchao",
        "together": "",
        "none, again": "",
    }


def test_what_is_kept_is_run_together() -> None:
    """The last row but one has the time of all kept levers at once."""
    outcomes = pull(["compile", "_native_flash", "_native_cudnn"], runs)
    assert {found.name: found.seconds for found in outcomes}["together"] == [7.0]
