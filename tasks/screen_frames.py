"""Keep clips with unsafe content from leaving."""

from __future__ import annotations

from blocks.safety_checker import SafetyChecker
from ltxv.engine import Frames
from ltxv.errors import Refused
from tasks.stage import passing_stage


@passing_stage("screen_frames")
def screen_frames(*, frames: Frames, safety: SafetyChecker) -> Frames:
    """Return the frames if not one of them is unsafe.

    Raises:
        Refused: ``content_policy_violation``; the clip goes nowhere.
        Misconfigured: They could not be judged, so they do not pass either.
    """
    verdict = safety.screen(frames)
    if verdict.refused:
        raise Refused.because(
            ("prompt",),
            f"the video was refused by the safety check ({len(verdict.frames)} of {len(frames)} "
            f"frames, score {verdict.highest:.2f}); change the prompt, the media or the seed",
            type="content_policy_violation",
        )
    return frames
