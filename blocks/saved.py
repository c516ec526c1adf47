"""Blocks by the name they are saved under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from prefect.blocks.core import Block

from blocks.content_credentials import ContentCredentials
from blocks.gateway_identity import GatewayIdentity
from blocks.ltx_model import LTXModel
from blocks.prompt_expander import PromptExpander
from ltxv.checkpoints import NAMES
from ltxv.errors import Misconfigured

DEFAULT = "default"
EMBEDDED = "embedded"

_BUILT_IN: Mapping[type[Block], Sequence[str]] = {LTXModel: NAMES, PromptExpander: (EMBEDDED,)}

B = TypeVar("B", bound=Block)


def saved(kind: type[B], name: str) -> B:
    """Return the block of ``kind`` saved as ``name``.

    `default` comes to be at its first use, and so does a model named like a known checkpoint, the
    expander `embedded`, and the identity of credentials that have none.

    Raises:
        Misconfigured: There is no such block.
    """
    try:
        return _whole(kind, name)
    except ValueError as error:
        first = _at_first_use(kind, name)
        if first is None:
            slug = kind.get_block_type_slug()
            known = [DEFAULT, *_BUILT_IN.get(kind, ())]
            raise Misconfigured(
                f"there is no {kind.__name__} block named {name!r}; create it in the Prefect UI "
                f"under Blocks ({slug}), or use {' or '.join(known)}"
            ) from error
    with suppress(ValueError):  # another run was faster
        first.save(_block_name(name))
    return _whole(kind, name)


def _at_first_use(kind: type[B], name: str) -> Block | None:
    if name == DEFAULT and kind is ContentCredentials:
        # Whole from the start: of several runs that come first, one saves its identity and the
        # others take that.
        return ContentCredentials().with_development_identity()
    if kind is GatewayIdentity:
        return GatewayIdentity.made() if name == DEFAULT else None
    if name == DEFAULT:
        return kind()
    if kind is LTXModel and name in NAMES:
        return LTXModel(checkpoint=name)
    if kind is PromptExpander and name == EMBEDDED:
        return PromptExpander(backend=EMBEDDED)
    return None


def _whole(kind: type[B], name: str) -> B:
    """Load a block; what it is still to be given is kept with it, the same for every run."""
    loaded = _load(kind, name)
    if isinstance(loaded, ContentCredentials) and loaded.lacks_identity:
        loaded.with_development_identity().save(_block_name(name), overwrite=True)
        return _load(kind, name)
    return loaded


def _load(kind: type[B], name: str) -> B:
    loaded = kind.load(_block_name(name))
    if not isinstance(loaded, kind):
        raise TypeError(f"the block {name!r} is a {type(loaded).__name__}")
    return loaded


def _block_name(name: str) -> str:
    """Return ``name`` as Prefect lets a block be called: it allows no dots."""
    return name.replace(".", "-")
