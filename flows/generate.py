"""One request in, one video out."""

# Annotations are not postponed here: `serve` sends a flow to its processes by value, and names in
# texts would not be sent along.

from prefect import flow

from blocks.saved import DEFAULT
from flows.equipment import equipment
from flows.failure_note import failure_noted
from flows.make import make_video
from flows.plain_errors import log_errors_plainly
from flows.seed import seed_of_this_run
from flows.worker_report import report_failure
from ltxv.media.write import VideoQuality
from ltxv.request import VideoRequest
from ltxv.result import VideoResult
from ltxv.unsupported import refuse_unsupported


@flow(
    name="generate-video",
    flow_run_name="{request.headline}",
    on_failure=[report_failure],
)
def generate_video(  # noqa: PLR0917 - the fields of the run form
    request: VideoRequest,
    model: str = DEFAULT,
    store: str = DEFAULT,
    safety: str = DEFAULT,
    quality: VideoQuality = "high",
    credentials: str = DEFAULT,
    expander: str = DEFAULT,
    refresh: bool = False,
) -> VideoResult:
    """Generate a video from a prompt and any number of images and videos.

    Args:
        request: What to generate.
        model: Name of the saved LTX Model block that runs, or of a checkpoint such as tiny.
        store: Name of the saved LTX Media Store block that keeps everything.
        safety: Name of the saved LTX Safety Checker block that judges prompt and frames.
        quality: How much detail the mp4's encoder keeps; low, medium, high or maximum.
        credentials: Name of the saved LTX Content Credentials block that signs the mp4.
        expander: Name of the saved LTX Prompt Expander block that writes prompts out, for
            requests that ask for it.
        refresh: Whether to make every stage anew, and keep that in place of what was there.

    Returns:
        The video's address, the prompt and seed used, and what each stage did.

    Raises:
        Refused: The request, a medium or the finished clip is not acceptable.
        Transient: A network, server or store still failed at the last try.
        Misconfigured: Weights, memory, a disk or a block needs its operator.
    """
    log_errors_plainly()
    refuse_unsupported(request)
    use = equipment(
        model=model, store=store, safety=safety, credentials=credentials, expander=expander
    )
    if refresh:
        use = use.anew()
    with failure_noted(use.store):
        return make_video(request, seed=seed_of_this_run(), use=use, quality=quality)
