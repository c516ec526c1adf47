"""Result records: what is read back from a place that others can write to."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from blocks.media_store import MediaStore
from ltxv.errors import Misconfigured, Transient

RECORD = "the-key"
KEY = f"results/{RECORD}"


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """A store in a folder, with a folder for records."""
    (tmp_path / "store/results").mkdir(parents=True)
    return MediaStore(root=str(tmp_path / "store"))


DAMAGED = {
    "empty": b"",
    "pickle": b"\x80\x04N.",
    "deep": b"[" * 100_000,
    "no-serializer": b'{"metadata": {}, "result": "{}"}',
    "no-result": b'{"metadata": {"serializer": {"type": "json"}}}',
    "null": b"null",
    "no-digest": b'{"metadata": {"serializer": {"type": "json"}}, "result": "1"}',
    "other-digest": b'{"metadata": {"serializer": {"type": "json"}}, "result": "1", "sha256": ""}',
    "not-text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_record_is_as_good_as_none(store: MediaStore, content: bytes) -> None:
    """A record that cannot be read is not there, for Prefect as for others."""
    Path(store.root, KEY).write_bytes(content)
    assert not ResultStore(result_storage=store).exists(RECORD)
    with pytest.raises(Transient, match="is not used"):
        store.read_path(RECORD)


def forged(value: Any, **serializer: Any) -> bytes:
    """Return a record as somebody with access to the store could write it."""
    metadata = {"serializer": {"type": "json", **serializer}, "storage_key": RECORD}
    result = value if isinstance(value, str) else json.dumps(value)
    return sealed({"metadata": metadata, "result": result})


def sealed(record: dict[str, Any]) -> bytes:
    """Return a record with the digest that shows it is whole, which anybody can compute."""
    said = json.dumps([record["metadata"], record["result"]], sort_keys=True)
    return json.dumps({**record, "sha256": hashlib.sha256(said.encode()).hexdigest()}).encode()


class Trap:
    """Unpickling this makes a file."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._mark,))


def call(mark: Path, name: str) -> dict[str, Any]:
    """Return what Prefect's decoder takes for a call of ``name``."""
    return {"__class__": name, "data": {"args": ["touch", str(mark)]}}


@pytest.mark.parametrize(
    "forge",
    [
        lambda mark: forged(base64.b64encode(pickle.dumps(Trap(mark))).decode(), type="pickle"),
        lambda mark: (
            forged({})[:-1]
            + b', "serializer": {"type": "pickle"}, "data": "%b"}'
            % base64.b64encode(pickle.dumps(Trap(mark)))
        ),
        lambda mark: forged(call(mark, "subprocess.run")),
        lambda mark: forged([{"a": call(mark, "subprocess.check_call")}]),
        lambda mark: forged(call(mark, "blocks.media_store.contents.internet.fetch")),
        lambda mark: forged(call(mark, "ltxv.frozen.digest_of")),
        lambda mark: forged(call(mark, "pathlib.Path")),
        lambda _: forged({"__exc_type__": "builtins.SystemExit", "message": "1"}),
        lambda _: forged("[]", jsonlib="yaml"),
        lambda _: forged("{}", object_decoder="subprocess.run"),
    ],
    ids=[
        "pickle",
        "old-format",
        "call",
        "nested-call",
        "imported-call",
        "function",
        "foreign-class",
        "exception",
        "json-library",
        "decoder",
    ],
)
def test_a_forged_record_runs_no_code(
    store: MediaStore, tmp_path: Path, forge: Callable[[Path], bytes]
) -> None:
    """Whoever can write to the store makes a record unusable, and nothing else."""
    mark = tmp_path / "mark"
    Path(store.root, KEY).write_bytes(forge(mark))
    with pytest.raises(Transient, match="is not used"):
        store.read_path(RECORD)
    assert not ResultStore(result_storage=store).exists(RECORD)
    assert not mark.exists()


def test_a_forged_record_that_names_nothing_foreign_is_read(store: MediaStore) -> None:
    """The records of these tests are refused for what they name, not for their form."""
    Path(store.root, KEY).write_bytes(forged({"seed": 1}))
    assert json.loads(store.read_path(RECORD))["result"] == '{"seed": 1}'


def test_the_trap_of_the_forged_records_works(tmp_path: Path) -> None:
    """Prefect itself would run the code of the records that the store refuses."""
    called = forged(call(tmp_path / "called", "subprocess.run"))
    JSONSerializer().loads(json.loads(called)["result"].encode())
    assert (tmp_path / "called").exists()
    pickle.loads(pickle.dumps(Trap(tmp_path / "unpickled")))  # noqa: S301
    assert (tmp_path / "unpickled").exists()


def test_a_pickled_record_is_not_written(store: MediaStore) -> None:
    """What would not be read is refused with the remedy when it is written."""
    record = ResultStore(result_storage=store).create_result_record(1, key="a")
    with pytest.raises(Misconfigured, match='set result_serializer="json"'):
        store.write_path("a", record.serialize())
    with pytest.raises(Misconfigured, match="nothing but Prefect's result records"):
        store.write_path("a", b"anything else")
    assert list(Path(store.root, "results").iterdir()) == []


@pytest.mark.parametrize("name", ["../record", "/etc/record", "a/../../record", "", ".record"])
def test_a_record_cannot_leave_the_folder_of_results(store: MediaStore, name: str) -> None:
    """A key that leads elsewhere is an error of whoever chose it."""
    with pytest.raises(Misconfigured, match="cannot keep a result"):
        store.write_path(name, forged({}))
    with pytest.raises(Misconfigured, match="cannot keep a result"):
        store.read_path(name)


def test_a_block_that_is_not_saved_keeps_results_too(tmp_path: Path) -> None:
    """Prefect's own result store reads back what it wrote, from a folder as yet unsaved."""
    results = ResultStore(
        result_storage=MediaStore(root=str(tmp_path)),
        serializer=JSONSerializer(),
        cache_result_in_memory=False,
    )
    results.write({"seed": 1}, key="a/b")
    assert results.exists("a/b")
    record = results.read("a/b")
    assert record.result == {"seed": 1}
    assert Path(str(record.metadata.storage_key)) == tmp_path / "results/a/b"
    assert results.read(str(record.metadata.storage_key)).result == {"seed": 1}
