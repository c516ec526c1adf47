"""Cheap drafts first, and the expensive pass only for those that are chosen."""

# Annotations are not postponed here: `serve` sends a flow to its processes by value, and names in
# texts would not be sent along.

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.logging import get_run_logger
from pydantic import Field

from blocks.draft_notes import Refined
from blocks.saved import DEFAULT
from flows.accounts import accounted
from flows.draft_choice import MOST_DRAFTS, ask_which, refuse_without_deployment
from flows.draft_report import Draft, note_refined, show_drafts
from flows.equipment import Equipment, equipment
from flows.failure_note import failure_noted
from flows.make import make_video
from flows.passes import draft
from flows.plain_errors import log_errors_plainly
from flows.prepare import Prepared, prepare
from flows.publish import preview
from flows.seed import seed_of_this_run
from flows.worker_report import report_failure
from ltxv.errors import Refused
from ltxv.media.write import VideoQuality
from ltxv.request import MAX_SEED, VideoRequest
from ltxv.result import VideoResult
from ltxv.unsupported import refuse_unsupported
from tasks.ledger import tell_note


@flow(
    name="draft-videos",
    flow_run_name="{drafts} drafts: {request.headline}",
    on_failure=[report_failure],
)
def draft_videos(  # noqa: PLR0917 - the fields of the run form
    request: VideoRequest,
    drafts: Annotated[int, Field(ge=1, le=MOST_DRAFTS)] = 4,
    model: str = DEFAULT,
    store: str = DEFAULT,
    safety: str = DEFAULT,
    quality: VideoQuality = "high",
    credentials: str = DEFAULT,
    expander: str = DEFAULT,
) -> tuple[VideoResult, ...]:
    """Make the first pass for several seeds, wait for a choice, refine what was chosen.

    The run shows a sheet and a moving picture of each draft, and then is suspended: it holds
    neither a GPU nor a process until someone resumes it with the numbers to refine.

    Args:
        request: What to generate; its seed is the first draft's, and the next ones count on.
        drafts: How many drafts are made.
        model: Name of the saved LTX Model block that runs, or of a checkpoint such as tiny.
        store: Name of the saved LTX Media Store block that keeps everything.
        safety: Name of the saved LTX Safety Checker block that judges prompt and frames.
        quality: How much detail the refined mp4s keep; low, medium, high or maximum.
        credentials: Name of the saved LTX Content Credentials block that signs the mp4s.
        expander: Name of the saved LTX Prompt Expander block that writes prompts out, for
            requests that ask for it; all drafts have the same text.

    Returns:
        A result for each chosen draft, in the order of the choice.

    Raises:
        Refused: The request or a medium is not acceptable, or no draft is.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: The run has no deployment; weights, memory, a disk or a block needs its
            operator.
    """
    log_errors_plainly()
    refuse_unsupported(request)
    refuse_without_deployment()
    use = equipment(
        model=model, store=store, safety=safety, credentials=credentials, expander=expander
    )
    with failure_noted(use.store):
        made = _drafts(request, drafts, use)
        show_drafts(made, store=use.store)
        choice = ask_which([one.number for one in made if one.clip is not None], request)
        chosen = [made[number - 1] for number in dict.fromkeys(choice.drafts)]
        wanted = [one._replace(request=choice.applied_to(one.request)) for one in chosen]
        return _refined(wanted, use, quality)


def _refined(
    drafts: Sequence[Draft], use: Equipment, quality: VideoQuality
) -> tuple[VideoResult, ...]:
    """Refine each draft; a refused one costs the others nothing."""
    refined: list[Refined] = []
    refusals: list[Refused] = []
    for one in drafts:
        try:
            result = make_video(
                one.request,
                seed=seed_of_this_run(),
                use=use,
                quality=quality,
                written=one.written,
            )
        except Refused as refused:
            get_run_logger().error(
                "the draft with seed %s is refused: %s", one.request.seed, refused
            )
            refusals.append(refused)
            refined.append(Refined(draft=one.number, refused=tuple(refused.detail)))
        else:
            refined.append(Refined(draft=one.number, result=result))
    results = tuple(one.result for one in refined if one.result is not None)
    if not results:
        raise refusals[0]
    note_refined(refined, store=use.store)
    return results


def _drafts(request: VideoRequest, count: int, use: Equipment) -> list[Draft]:
    """Make the drafts; one that the safety check refuses can be none of those to choose from."""
    made: list[Draft] = []
    refusals: list[Refused] = []
    with accounted(use.model, suspends=True):
        shared = prepare(request, seed=seed_of_this_run(), use=use)
        for number in range(1, count + 1):
            one = _seeded(shared, number)
            tell_note(f"draft {number} of {count}, seed {one.request.seed}")
            latents = draft(one, use=use)
            try:
                clip = preview(latents, one, use=use)
            except Refused as refused:
                refusals.append(refused)
                clip = None
            made.append(
                Draft(number=number, request=one.as_settled, clip=clip, written=one.written)
            )
    if len(refusals) == count:
        raise refusals[0]
    return made


def _seeded(shared: Prepared, number: int) -> Prepared:
    """Return what was prepared with the seed of one draft."""
    seed = (shared.plan.seed + number - 1) % (MAX_SEED + 1)
    return shared._replace(
        request=shared.request.model_copy(update={"seed": seed}),
        plan=shared.plan.model_copy(update={"seed": seed}),
    )
