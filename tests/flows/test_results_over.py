"""Results that were wanted for a while."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_client
from prefect.states import Completed

from blocks.draft_notes import DraftsNote, Refined, note_drafts
from blocks.media_store import MediaStore
from blocks.run_notes import RunNote, note_run
from blocks.uploads import Removed
from flows.results_over import remove_results_over
from ltxv.refs import Ref
from ltxv.result import VideoResult
from tests.stores import Kept

SHEET = Ref(path="sheets/00/00.jpg", sha256="0" * 64, size=1)


@flow
def asked_for() -> None:
    """Stand for the flow that makes videos."""


def refined(store: MediaStore, clip: Path, *names: str) -> None:
    """Note that a run refined drafts, whose results are over."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(asked_for, tags=["gateway", "lifetime:0"])
        client.set_flow_run_state(run.id, Completed(), force=True)
    clips = [store.publish(clip, name=name, content_type="video/mp4") for name in names]
    results = [VideoResult(video=video, prompt="a cat", seed=7) for video in clips]
    ended = tuple(Refined(draft=n, result=one) for n, one in enumerate(results, 1))
    note_drafts(str(run.id), DraftsNote(drafts=(), sheet=SHEET, refined=ended), store)


def made(store: MediaStore, clip: Path, name: str, *tags: str) -> None:
    """Note that a run with some tags made a clip."""
    video = store.publish(clip, name=name, content_type="video/mp4")
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(asked_for, tags=["gateway", *tags])
        client.set_flow_run_state(run.id, Completed(), force=True)
    result = VideoResult(video=video, prompt="a cat", seed=7)
    note_run(str(run.id), RunNote(result=result, sheet=SHEET), store)


def test_a_result_goes_when_its_time_is_over(
    prefect_server: None, kept: Kept, tmp_path: Path
) -> None:
    """Those that are kept longer or for good stay, and so does what another request made too."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"clip")
    made(kept.store, clip, "over.mp4", "lifetime:0")
    made(kept.store, clip, "shared.mp4", "lifetime:0")
    made(kept.store, clip, "shared.mp4")
    made(kept.store, clip, "later.mp4", "lifetime:3600")
    made(kept.store, clip, "strange.mp4", "lifetime:soon", "lifetime:")
    made(kept.store, clip, "ever.mp4", f"lifetime:{10**30}")
    refined(kept.store, clip, "draft-1.mp4", "draft-2.mp4", "shared.mp4")
    assert remove_results_over(kept.store, dry_run=True) == Removed(3, 12)
    assert remove_results_over(kept.store, dry_run=False) == Removed(3, 12)
    names = {key for key in kept.keys() if key.startswith("outputs/")}  # noqa: SIM118
    left = ("ever", "later", "shared", "strange")
    assert names == {f"outputs/{name}.mp4" for name in left}
