"""Several files of the store at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from blocks.media_store import MediaStore
from ltxv.refs import Ref


@contextmanager
def opened(refs: Sequence[Ref], store: MediaStore) -> Iterator[list[Path]]:
    """Give a local file for each ref, in order, while inside."""
    with ExitStack() as stack:
        yield [stack.enter_context(store.open(ref)) for ref in refs]
