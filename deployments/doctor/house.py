"""The blocks that are examined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from prefect.blocks.core import Block

from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.prompt_expander import PromptExpander
from blocks.safety_checker import SafetyChecker
from blocks.saved import DEFAULT, EMBEDDED, saved
from ltxv.checkpoints import NAMES
from ltxv.errors import Misconfigured

B = TypeVar("B", bound=Block)


@dataclass(frozen=True)
class House:
    """Names of the blocks, and whether the server that keeps them answers."""

    model: str
    store: str
    safety: str
    expander: str
    credentials: str
    online: bool

    def model_block(self) -> LTXModel:
        """Return the model; a known checkpoint needs no server."""
        if self.model in ("auto", *NAMES):
            return LTXModel(checkpoint=self.model)
        return self._block(LTXModel, self.model)

    def store_block(self) -> MediaStore:
        """Return the store."""
        return self._block(MediaStore, self.store)

    def safety_block(self) -> SafetyChecker:
        """Return the safety checker."""
        return self._block(SafetyChecker, self.safety)

    def expander_block(self) -> PromptExpander:
        """Return the prompt expander."""
        if self.expander == EMBEDDED:
            return PromptExpander(backend=EMBEDDED)
        return self._block(PromptExpander, self.expander)

    def credentials_block(self) -> ContentCredentials:
        """Return who signs; without a server, someone made for this look alone."""
        block = self._block(ContentCredentials, self.credentials)
        return block.with_development_identity() if block.lacks_identity else block

    def _block(self, kind: type[B], name: str) -> B:
        """Return the saved block, or what `default` would be where no server can be asked."""
        if self.online:
            return saved(kind, name)
        if name == DEFAULT:
            return kind()
        raise Misconfigured(
            f"the {kind.__name__} block {name!r} cannot be loaded without the Prefect server; "
            "mend prefect first"
        )
