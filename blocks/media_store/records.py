"""Prefect's result records: what may be read back from a place that others can write to.

Prefect picks the decoder that a record names (pickle is one), and its JSON decoder calls whatever
the record names as a class. So a record is used only if it says nothing but JSON and values of this
project, and only while the bytes that its result refers to are in the store.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from prefect.logging import get_logger
from prefect.serializers import JSONSerializer
from prefect.utilities.importtools import from_qualified_name
from pydantic import ValidationError

from blocks.media_store.backend import Listed
from blocks.media_store.keys import RESULTS, is_key
from ltxv.errors import LTXError, Misconfigured, Transient
from ltxv.frozen import Frozen
from ltxv.refs import Ref

_OURS = re.compile(r"(ltxv|blocks|tasks|flows)(\.[A-Za-z_]\w*)+", re.ASCII)
_PLAIN_JSON = JSONSerializer().model_dump()
_SEAL = "sha256"
_REF_FIELDS = ("path", "sha256", "size")


class Unusable(Exception):
    """A record that must be taken for absent; its text says why."""


class Records:
    """Result records in a backend, each used only while ``holds`` grants all it refers to.

    Those written before ``since``, in seconds of the Unix time, count as absent.
    """

    def __init__(self, backend: Listed, holds: Callable[[Ref], bool], *, since: float = 0) -> None:
        self._backend = backend
        self._holds = holds
        self._since = since

    def read(self, name: str) -> bytes:
        """Return a record that can be used."""
        try:
            return self._usable(name)
        except FileNotFoundError as error:
            raise Transient(f"the media store has no result {name}; run its task again") from error
        except Unusable as error:
            if not self._since:
                get_logger("media_store").warning("The result %s is not used: %s.", name, error)
            raise Transient(
                f"the result {name} is not used: {error}; run its task again"
            ) from error

    def has(self, name: str) -> bool:
        """Say whether there is a record that can be used and has not expired."""
        try:
            record = json.loads(self._usable(name))
        except (FileNotFoundError, Unusable):
            return False
        return not _is_over(record["metadata"].get("expiration"))

    def _usable(self, name: str) -> bytes:
        key = _record_key(name)
        found = self._backend.find(key) if self._since else None
        if found is not None and found.modified < self._since:
            raise Unusable("it is to be made anew")
        record = _checked(self._backend.read(key), self._holds)
        self._backend.touch(key)
        return record

    def write(self, name: str, content: bytes) -> None:
        """Keep a record that could be read."""
        _check_plain(content)
        record = json.loads(content)
        record[_SEAL] = _digest(record)
        sealed = json.dumps(record).encode()
        self._backend.write(_record_key(name), sealed, content_type="application/json")


def refs_in(content: bytes) -> list[str]:
    """Return the paths of all that a record refers to; none if it is damaged."""
    try:
        value = _loaded(_loaded(content)["result"])
    except (Unusable, KeyError, TypeError):
        return []
    return [str(entry["path"]) for entry in _objects(value) if entry.keys() >= set(_REF_FIELDS)]


def _record_key(name: str) -> str:
    key = f"{RESULTS}/{name}"
    if not is_key(key):
        raise Misconfigured(
            f"the media store cannot keep a result under {name!r}; use a cache key or a result "
            "storage key that is a relative path with no part that starts with a dot"
        )
    return key


def _checked(content: bytes, holds: Callable[[Ref], bool]) -> bytes:
    """Return the record written anew from what was checked, so that nothing else can be read.

    Raises:
        Unusable: It is damaged, names foreign code, or refers to bytes that ``holds`` denies.
    """
    record = _loaded(content)
    if not isinstance(record, dict) or record.keys() != {"metadata", "result", _SEAL}:
        raise Unusable("it is no result record")
    if record[_SEAL] != _digest(record):
        raise Unusable("it is damaged")
    metadata, result = record["metadata"], record["result"]
    if not isinstance(metadata, dict) or not _is_plain(metadata.get("serializer")):
        raise Unusable("its result is not plain JSON")
    if not isinstance(result, str):
        raise Unusable("it has no result")
    value = _loaded(result)
    for entry in _objects(value):
        _check_names(entry)
        _check_ref(entry, holds)
    return json.dumps({"metadata": metadata, "result": json.dumps(value)}).encode()


def _digest(record: dict[str, Any]) -> str:
    """Return a digest of what a record says; it shows damage, and no intent."""
    said = json.dumps([record["metadata"], record["result"]], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _is_over(expiration: Any) -> bool:
    if expiration is None:
        return False
    try:
        return datetime.fromisoformat(expiration) <= datetime.now(UTC)
    except (TypeError, ValueError):  # no time, or one without a zone
        return True


def _check_plain(content: bytes) -> None:
    """Refuse to write a record that would be refused when it is read.

    Raises:
        Misconfigured: The task or flow does not use Prefect's JSON serializer.
    """
    try:
        record = json.loads(content)
        serializer, _ = record["metadata"]["serializer"], record["result"]
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured("the media store keeps nothing but Prefect's result records") from error
    if not _is_plain(serializer):
        raise Misconfigured(
            f"the media store keeps JSON results, not {serializer.get('type')!r} ones, which could "
            'run code when they are read; set result_serializer="json"'
        )


def _loaded(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable("it is damaged") from error


def _is_plain(serializer: Any) -> bool:
    """Say whether a serializer is Prefect's JSON one with no code of its own named in it."""
    return (
        isinstance(serializer, dict)
        and serializer.get("type") == "json"
        and all(serializer[name] == _PLAIN_JSON.get(name) for name in serializer)
    )


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object in a value, itself included."""
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, dict):
            yield entry
            waiting.extend(entry.values())
        elif isinstance(entry, list):
            waiting.extend(entry)


def _check_names(entry: dict[str, Any]) -> None:
    for field, base in (("__class__", Frozen), ("__exc_type__", LTXError)):
        if field in entry and not _names(entry[field], base):
            raise Unusable(f"it names {entry[field]!r}, which is none of ours")


def _names(name: Any, base: type) -> bool:
    """Say whether ``name`` is that of a class of ours; a function would be called."""
    if not isinstance(name, str) or not _OURS.fullmatch(name):
        return False
    try:
        named = from_qualified_name(name)
    except (ImportError, AttributeError):
        return False
    return isinstance(named, type) and issubclass(named, base)


def _check_ref(entry: dict[str, Any], holds: Callable[[Ref], bool]) -> None:
    if not all(field in entry for field in _REF_FIELDS):
        return
    try:
        ref = Ref(**{field: entry[field] for field in _REF_FIELDS})
    except ValidationError as error:
        raise Unusable("it refers to bytes in a way that cannot be read") from error
    if not holds(ref):
        raise Unusable(f"the store no longer has the whole of {ref.path}")
