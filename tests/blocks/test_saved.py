"""Blocks by their names, on a real server."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.saved import saved
from ltxv.errors import Misconfigured


def test_the_default_comes_to_be_at_its_first_use(prefect_server: None) -> None:
    """Two runs that start at once on a new server both get it."""
    found: list[MediaStore] = []
    threads = [
        threading.Thread(target=lambda: found.append(saved(MediaStore, "default")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.root for store in found] == ["~/.ltx/store"] * 2


def test_runs_that_come_first_together_have_one_identity(prefect_server: None) -> None:
    """Whoever is faster makes the development identity; the others sign with the same."""
    with suppress(ValueError):
        ContentCredentials.delete("ltx-content-credentials/default")
    together = threading.Barrier(4)
    found: list[str | None] = []

    def run() -> None:
        together.wait()
        found.append(saved(ContentCredentials, "default").identity)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_known_checkpoint_is_a_model_by_its_name(prefect_server: None) -> None:
    """`--model tiny` needs no block to be made first."""
    assert saved(LTXModel, "tiny").checkpoint == "tiny"
    assert saved(LTXModel, "ltxv-13b-0.9.7-dev").checkpoint == "ltxv-13b-0.9.7-dev"


def test_what_was_saved_wins(prefect_server: None, tmp_path: Path) -> None:
    """A block of that name is the operator's, whatever the name means otherwise."""
    LTXModel(checkpoint="tiny", device="cpu").save("ltxv-13b-0-9-8-distilled")
    assert saved(LTXModel, "ltxv-13b-0.9.8-distilled").checkpoint == "tiny"
    MediaStore(root=str(tmp_path)).save("mine")
    assert saved(MediaStore, "mine").root == str(tmp_path)


@pytest.mark.parametrize("kind", [LTXModel, MediaStore])
def test_a_name_that_is_not_there_says_so(
    prefect_server: None, kind: type[LTXModel | MediaStore]
) -> None:
    """The error has the name, the kind and where to make one."""
    with pytest.raises(Misconfigured, match=f"no {kind.__name__} block named 'none'"):
        saved(kind, "none")
