"""Where runs may read and write: the store's own files and the operator's places."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.media_store import MediaStore
from blocks.media_store.place import anywhere
from ltxv.errors import Refused

LOC = ("manifest",)


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """A store in a folder with one place beside it."""
    return MediaStore(root=str(tmp_path / "store"), places=(str(tmp_path / "open"),))


@pytest.mark.parametrize(
    ("folder", "to_write", "allowed"),
    [
        ("store/outputs", True, True),
        ("store/outputs/batches/x", True, True),
        ("store/results", False, False),
        ("store/prompts", False, False),
        ("store/outputs/../results", True, False),
        ("store", True, False),
        ("open", True, True),
        ("open/deeper", False, True),
        ("opened", False, False),
        ("open/../secret", False, False),
        ("link", False, False),
        ("", False, False),
    ],
)
def test_a_folder_is_open_if_it_is_listed_or_published(
    store: MediaStore, tmp_path: Path, folder: str, to_write: bool, allowed: bool
) -> None:
    """Neither dots nor links nor a name that starts alike lead anywhere else."""
    (tmp_path / "open").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    for address in (f"{tmp_path}/{folder}", f"file://{tmp_path}/{folder}"):
        if allowed:
            store.place(address, loc=LOC, to_write=to_write)
        else:
            with pytest.raises(Refused, match="cannot be used"):
                store.place(address, loc=LOC, to_write=to_write)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("s3://bucket/ltx/outputs/in", True),
        ("s3://bucket/ltx/media", True),
        ("s3://bucket/ltx/results/x", False),
        ("s3://bucket/ltx/leases", False),
        ("s3://bucket/ltx2", False),
        ("s3://bucket/in", True),
        ("s3://bucket/in/../ltx/results", False),
        ("s3://bucket/in?versionId=1", False),
        ("s3://user:word@bucket/in", False),
        ("simplecache::s3://bucket/in", False),
        ("gs://other/nights", True),
        ("gs://other", False),
        ("http://host/nights", False),
        ("S3://bucket/in", False),
        ("relative/path", False),
    ],
)
def test_an_address_is_open_if_it_is_listed_or_below_the_root(address: str, allowed: bool) -> None:
    """Of the store's own bucket, everything but result records and leases can be read."""
    places = ("s3://bucket/in", "gs://other/nights")
    store = MediaStore(root="s3://bucket/ltx", places=places)
    if allowed:
        store.place(address, loc=LOC)
    else:
        with pytest.raises(Refused):
            store.place(address, loc=LOC)


def test_a_program_of_the_user_reaches_everything_but_the_stores_own_records(
    store: MediaStore, tmp_path: Path
) -> None:
    """Only while it says so, and never what would let it forge a result."""
    with anywhere():
        store.place(str(tmp_path), loc=LOC, to_write=True)
        with pytest.raises(Refused, match="below outputs/"):
            store.place(str(tmp_path / "store" / "results"), loc=LOC, to_write=True)
        with pytest.raises(Refused):
            store.place("http://host/x", loc=LOC, to_write=True)
    with pytest.raises(Refused, match="`places`"):
        store.place(str(tmp_path), loc=LOC)


@pytest.mark.parametrize("place", ["nights", "http://host/x", "s3://bucket/../x", "s3://", ""])
def test_a_place_that_cannot_be_one_is_refused_when_it_is_listed(place: str) -> None:
    """The operator learns of it when saving the block, not every night."""
    with pytest.raises(ValueError, match="cannot be used"):
        MediaStore(places=(place,))


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ".hidden", "link", "a\x00b", ""])
def test_names_stay_in_their_place(store: MediaStore, tmp_path: Path, name: str) -> None:
    """What leaves the folder is as good as not there, and cannot be written."""
    (tmp_path / "open").mkdir()
    (tmp_path / "x").write_text("secret")
    (tmp_path / "open" / "link").symlink_to(tmp_path / "x")
    place = store.place(str(tmp_path / "open"), loc=LOC)
    assert place.find(name) is None
    assert place.read(name) is None
    with pytest.raises(ValueError, match="no name of a file"):
        place.write(name, b"")
