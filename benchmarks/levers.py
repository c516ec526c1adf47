"""The engine's levers one at a time, each kept only if it measures faster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from benchmarks.engine_run import EngineRun
from benchmarks.repeat import median, spread
from benchmarks.table import Table
from ltxv.engine_options import EngineOptions

BACKENDS = ("_native_cudnn", "_native_flash", "flash", "_flash_3", "sage")
LEVERS: Mapping[str, EngineOptions] = {
    **{name: EngineOptions(attention_backend=name) for name in BACKENDS},
    "compile": EngineOptions(compile=True),
    "channels_last": EngineOptions(channels_last=True),
    "fp8": EngineOptions(fp8=True),
}
_BY_MORE_THAN = 0.99
"""A lever counts as faster below this share of the time without it: 1 % is noise."""

_NOTES = (
    (
        "One lever at a time, each with models of its own, made anew. `none` runs first and last, "
        "so that a GPU that changes its clock shows."
    ),
    "Kept: faster by more than 1 % than both runs of `none`. `together` has all that were kept.",
    (
        "Difference: rms of the last latents' difference from those of `none`, relative to their "
        "rms. The weights are random, so it tells of arithmetic and not of pictures."
    ),
)


@dataclass(frozen=True)
class Outcome:
    """Runs with a lever, or why there are none."""

    name: str
    runs: Sequence[EngineRun] = ()
    unavailable: str = ""

    @property
    def seconds(self) -> list[float]:
        """Seconds of each run in all."""
        return [run.watch.whole().wall for run in self.runs]


def pull(
    names: Sequence[str], runs_with: Callable[[EngineOptions], Sequence[EngineRun]]
) -> list[Outcome]:
    """Run without levers, with each of ``names``, with those that helped, and without again."""
    plain = EngineOptions()
    before = Outcome("none", runs_with(plain))
    single = [_outcome(name, LEVERS[name], runs_with) for name in names]
    after = Outcome("none, again", runs_with(plain))
    kept = [found.name for found in single if _kept(found, before, after)]
    together = [] if len(kept) < 2 else [_outcome("together", _all_of(kept, single), runs_with)]  # noqa: PLR2004
    return [before, *single, *together, after]


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return what the levers did."""
    columns = ("lever", "first pass", "second pass", "decode", "all", "difference", "")
    before, after = outcomes[0], outcomes[-1]
    rows = [_row(found, before, after) for found in outcomes]
    return Table("Levers, seconds", columns, rows, _NOTES)


def _outcome(
    name: str, options: EngineOptions, runs_with: Callable[[EngineOptions], Sequence[EngineRun]]
) -> Outcome:
    try:
        return Outcome(name, runs_with(options))
    except Exception as fault:  # noqa: BLE001 - whatever a library raises ends one lever only
        return Outcome(name, unavailable=f"{type(fault).__name__}: {fault}")


def _all_of(kept: Sequence[str], outcomes: Sequence[Outcome]) -> EngineOptions:
    """Return the options of all levers kept; of several attention backends the fastest."""
    speed = {found.name: median(found.seconds) for found in outcomes if found.runs}
    fields: dict[str, object] = {}
    for name in sorted(kept, key=lambda name: speed[name], reverse=True):
        fields |= LEVERS[name].model_dump(exclude_defaults=True)
    return EngineOptions.model_validate(fields)


def _kept(found: Outcome, before: Outcome, after: Outcome) -> bool:
    if not found.runs:
        return False
    least = min(median(before.seconds), median(after.seconds))
    return median(found.seconds) < _BY_MORE_THAN * least


def _row(found: Outcome, before: Outcome, after: Outcome) -> tuple[str, ...]:
    if not found.runs:
        return found.name, "", "", "", "", "", f"not available: {found.unavailable}"
    stages = [
        spread(run.watch.whole(stage).wall for run in found.runs)
        for stage in ("first_pass", "second_pass", "decode")
    ]
    judged = found.name in LEVERS
    kept = ("kept" if _kept(found, before, after) else "left out") if judged else ""
    apart = _difference(found.runs[0].latents, before.runs[0].latents)
    return found.name, *stages, spread(found.seconds), f"{apart:.1e}", kept


def _difference(latents: Tensor, reference: Tensor) -> float:
    apart = (latents.double() - reference.double()).pow(2).mean().sqrt()
    return float(apart / reference.double().pow(2).mean().sqrt())
