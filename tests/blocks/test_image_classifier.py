"""A classifier of the operator's own choice, through the block that names it."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from skimage import data

from blocks.safety_checker import SafetyChecker
from ltxv.engine import Frames
from ltxv.errors import Misconfigured, Transient
from tests.tiny_judges import write_classifier

UNSAFE, SAFE = (0, 20), (20, 0)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def frames() -> Frames:
    """A clip of photographs, more than fit into one batch."""
    pictures = [data.astronaut()[:300, :400], data.coffee()[:300, :400]]
    return np.stack([np.roll(pictures[n % 2], n * 7, axis=1) for n in range(19)])


def checker(folder: str, **settings: Any) -> SafetyChecker:
    """Return a block with a classifier from a folder."""
    return SafetyChecker(classifier=folder, **settings)


@pytest.mark.parametrize(("leaning", "refused"), [(UNSAFE, True), (SAFE, False)])
def test_the_classifier_in_a_folder_decides(
    tmp_path: Path, frames: Frames, leaning: tuple[int, int], refused: bool
) -> None:
    """One whose head is sure of its unsafe label refuses every frame; of the other, none."""
    verdict = checker(write_classifier(tmp_path, leaning=leaning)).screen(frames)
    assert verdict.refused is refused
    assert len(verdict.scores) == len(frames)
    assert len(verdict.frames) == (len(frames) if refused else 0)


def test_each_frame_has_the_score_of_its_own_pixels(tmp_path: Path, frames: Frames) -> None:
    """A frame scores the same alone as in a batch, and different frames differ."""
    screened = checker(write_classifier(tmp_path)).screen(frames)
    alone = checker(str(tmp_path)).screen(frames[17:18])
    assert alone.scores[0] == pytest.approx(screened.scores[17], abs=1e-5)
    assert len(set(screened.scores)) > len(frames) // 2


def test_unsafe_labels_count_together(tmp_path: Path, frames: Frames) -> None:
    """Two labels of 0.45 each are 0.9, whatever their case; other names are the operator's."""
    labels = ("neutral", "Porn", "hentai", "drawings")
    folder = write_classifier(tmp_path, labels=labels, leaning=(-20, 20, 20, -20))
    assert checker(folder, refuse_at=0.95).screen(frames[:2]).refused
    assert not checker(folder, unsafe_labels=("drawings",)).screen(frames[:2]).refused
    only = checker(folder, refuse_at=0.0, unsafe_labels=("hentai",)).screen(frames[:2])
    assert all(0.01 < score < 0.99 for score in only.scores)


def test_labels_that_do_not_exclude_each_other_count_alone(tmp_path: Path, frames: Frames) -> None:
    """The likeliest unsafe label of a multi-label classifier is the score."""
    folder = write_classifier(
        tmp_path,
        labels=("neutral", "nsfw", "gore"),
        leaning=(20, -20, 20),
        problem_type="multi_label_classification",
    )
    assert checker(folder).screen(frames[:1]).highest == pytest.approx(1, abs=1e-3)
    assert checker(folder, unsafe_labels=("nsfw",)).screen(frames[:1]).highest < 1e-3


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1"), ("porn", "nsfw")])
def test_labels_that_tell_nothing_apart_let_nothing_pass(
    tmp_path: Path, frames: Frames, labels: tuple[str, str]
) -> None:
    """A classifier with no unsafe label, or no other, names its labels to the operator."""
    folder = write_classifier(tmp_path, labels=labels)
    with pytest.raises(Misconfigured, match=rf"{labels[0]}.*unsafe_labels"):
        checker(folder).screen(frames[:1])


def without_weights(folder: Path) -> None:
    """Leave a pickle where the safetensors were."""
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def without_head(folder: Path) -> None:
    """Say of the classifier that it has a label more than its weights."""
    config = json.loads((folder / "config.json").read_text())
    config["id2label"]["2"] = "more"
    (folder / "config.json").write_text(json.dumps(config))


def cut_off(folder: Path) -> None:
    """Lose the second half of the weights."""
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def with_code(folder: Path) -> None:
    """Let the checkpoint ask for code of its own."""
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")


@pytest.mark.parametrize("harm", [without_weights, without_head, cut_off, with_code])
def test_a_checkpoint_that_is_not_whole_lets_nothing_pass(
    tmp_path: Path, frames: Frames, harm: Any
) -> None:
    """Pickles, missing or random weights and foreign code are the operator's error."""
    write_classifier(tmp_path, leaning=SAFE)
    harm(tmp_path)
    with pytest.raises(Misconfigured):
        checker(str(tmp_path)).screen(frames[:1])
    assert not (tmp_path / "ran").exists()


def test_the_identity_is_the_content(tmp_path: Path) -> None:
    """The same files elsewhere are the same judge; other weights or labels are another."""
    first = checker(write_classifier(tmp_path / "a"))
    again = checker(write_classifier(tmp_path / "b"))
    assert first.identity == again.identity
    assert checker(str(tmp_path / "a"), unsafe_labels=("nsfw",)).identity != first.identity
    assert SafetyChecker().identity != first.identity
    before = first.identity
    write_classifier(tmp_path / "a", seed=1)
    assert first.identity != before


def test_weights_that_change_in_place_are_loaded_anew(tmp_path: Path, frames: Frames) -> None:
    """A verdict is never kept under the identity of weights that did not give it."""
    block = checker(write_classifier(tmp_path, leaning=SAFE))
    assert not block.screen(frames[:1]).refused
    write_classifier(tmp_path, leaning=UNSAFE)
    assert block.screen(frames[:1]).refused


def test_a_repository_counts_by_its_commit() -> None:
    """Two commits are two judges, and no network is needed to tell."""
    name = "Falconsai/nsfw_image_detection"
    one = checker(name, classifier_revision=COMMIT).identity
    assert one != checker(name, classifier_revision=COMMIT[::-1]).identity


@pytest.mark.parametrize(
    "settings",
    [
        {"classifier": "Falconsai/nsfw_image_detection"},
        {"classifier": "Falconsai/nsfw_image_detection", "classifier_revision": "main"},
        {"classifier": "models/classifier", "classifier_revision": "v1"},
        {"classifier": "../classifier"},
        {"classifier": "/models/classifier", "classifier_revision": COMMIT},
        {"classifier_revision": COMMIT},
        {"classifier": "/models/classifier", "unsafe_labels": ()},
    ],
)
def test_what_could_change_unseen_cannot_be_saved(settings: dict[str, Any]) -> None:
    """A classifier is a folder by its absolute path, or a repository at a commit."""
    with pytest.raises(ValidationError):
        SafetyChecker(**settings)


def test_a_folder_that_is_not_there_is_named(frames: Frames) -> None:
    """A missing folder is the operator's error before anything is judged."""
    with pytest.raises(Misconfigured, match="/no/such/folder"):
        checker("/no/such/folder").screen(frames[:1])


def test_a_process_that_only_plans_stays_light(tmp_path: Path) -> None:
    """Asking for the identity of such a checker loads no torch."""
    folder = write_classifier(tmp_path)
    code = (
        "import sys; from blocks.safety_checker import SafetyChecker;"
        f"SafetyChecker(classifier={folder!r}).identity;"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def serve_as_the_hub(server: HTTPServer, folder: Path, repository: str) -> None:
    """Answer as the Hub does about a public repository at ``COMMIT``."""
    names = [path.name for path in folder.iterdir()]
    listing = [
        {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": "0" * 40}
        for name in names
    ]
    server.expect_request(f"/api/models/{repository}/tree/{COMMIT}").respond_with_json(listing)
    for name in names:
        content = (folder / name).read_bytes()
        server.expect_request(f"/{repository}/resolve/{COMMIT}/{name}").respond_with_data(
            content,
            headers={"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'},
        )


def test_a_repository_is_fetched_at_its_commit(
    httpserver: HTTPServer, tmp_path: Path, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the Hub has at the commit judges, its pickles stay there, and afterwards none is asked.

    A commit that the Hub does not have ends in the operator's error, no Hub in a passing one.
    """
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    hub = httpserver.url_for("").rstrip("/")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        f"{hub}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    )
    write_classifier(tmp_path / "served", leaning=UNSAFE)
    (tmp_path / "served" / "pytorch_model.bin").write_bytes(b"a pickle")
    serve_as_the_hub(httpserver, tmp_path / "served", "someone/judge")
    block = checker("someone/judge", classifier_revision=COMMIT)
    assert block.screen(frames[:1]).refused
    assert not list((tmp_path / "cache").rglob("*.bin"))
    asked = len(httpserver.log)
    assert block.screen(frames[:1]).refused
    assert len(httpserver.log) == asked
    httpserver.expect_request(f"/api/models/someone/judge/tree/{COMMIT[::-1]}").respond_with_data(
        status=404, headers={"X-Error-Code": "RevisionNotFound"}
    )
    with pytest.raises(Misconfigured, match="the Hub has no someone/judge"):
        checker("someone/judge", classifier_revision=COMMIT[::-1]).screen(frames[:1])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Transient, match="someone/other cannot be had"):
        checker("someone/other", classifier_revision=COMMIT).screen(frames[:1])
