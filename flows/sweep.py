"""One request under many settings, to compare them."""

# Annotations are not postponed here: `serve` sends a flow to its processes by value, and names in
# texts would not be sent along.

from typing import Any

from prefect import flow

from blocks.saved import DEFAULT
from flows.equipment import equipment
from flows.make import make_video
from flows.plain_errors import log_errors_plainly
from flows.seed import seed_of_this_run
from flows.sweep_plan import plan_sweep
from flows.sweep_report import SweepCell, SweepResult, finished_sweep
from flows.worker_report import report_failure
from ltxv.errors import Refused
from ltxv.grid import grid_cells
from ltxv.media.write import VideoQuality
from ltxv.request import VideoRequest
from ltxv.unsupported import refuse_unsupported
from tasks.ledger import tell_note


@flow(
    name="sweep-settings",
    flow_run_name="sweep: {request.headline}",
    on_failure=[report_failure],
)
def sweep_settings(  # noqa: PLR0917 - the fields of the run form
    request: VideoRequest,
    grid: dict[str, list[Any]],
    dry_run: bool = False,
    model: str = DEFAULT,
    store: str = DEFAULT,
    safety: str = DEFAULT,
    quality: VideoQuality = "high",
    credentials: str = DEFAULT,
    expander: str = DEFAULT,
) -> SweepResult:
    """Make a video for every combination of some settings, each stage once.

    Videos that share a stage, such as the first pass of those that differ in the second, have it
    from the store. A refused video does not stop the others.

    Args:
        request: What all have in common; a seed it leaves out is drawn once for all.
        grid: Values by field, such as {"seed": [1, 2], "constant_rate_factor": [20, 35]}; fields
            of items are dotted, as in loras.0.scale. At most 100 combinations.
        dry_run: Say how many stages would run and what they cost, and stop there.
        model: Name of the saved LTX Model block that runs, or of a checkpoint such as tiny.
        store: Name of the saved LTX Media Store block that keeps everything.
        safety: Name of the saved LTX Safety Checker block that judges prompt and frames.
        quality: How much detail the mp4s keep; low, medium, high or maximum.
        credentials: Name of the saved LTX Content Credentials block that signs the mp4s.
        expander: Name of the saved LTX Prompt Expander block that writes prompts out, for
            requests that ask for it.

    Returns:
        The plan, a result for each combination, a labelled sheet and a table.

    Raises:
        Refused: The request, the grid or a medium is not acceptable, or every video was refused.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: Weights, memory, a disk or a block needs its operator.
    """
    log_errors_plainly()
    refuse_unsupported(request)
    cells = grid_cells(request, grid)
    for cell in cells:
        refuse_unsupported(cell.request)
    use = equipment(
        model=model, store=store, safety=safety, credentials=credentials, expander=expander
    )
    plan = plan_sweep(cells, seed=seed_of_this_run(), use=use)
    runs = ", ".join(f"{name} {count} times" for name, count in plan.stages.items())
    tell_note(f"{plan.cells} videos: {runs}; about {plan.gpu_seconds:.0f} s of an H200")
    if dry_run:
        return SweepResult(plan=plan)
    made: list[SweepCell] = []
    refusals: list[Refused] = []
    for number, cell in enumerate(cells, 1):
        tell_note(f"video {number} of {len(cells)}: {cell.caption.replace(chr(10), ', ')}")
        result, error = None, None
        try:
            result = make_video(cell.request, seed=seed_of_this_run(), use=use, quality=quality)
        except Refused as refused:
            refusals.append(refused)
            error = str(refused)
        made.append(SweepCell(settings=dict(cell.settings), result=result, error=error))
    if len(refusals) == len(cells):
        raise refusals[0]
    captions = [cell.caption for cell in cells]
    return finished_sweep(plan, made, captions=captions, store=use.store)
