"""What an operator set up for a run: the blocks it works with."""

from __future__ import annotations

from typing import NamedTuple

from blocks.content_credentials import ContentCredentials
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.prompt_expander import PromptExpander
from blocks.safety_checker import SafetyChecker
from blocks.saved import saved
from flows.start import start_of_this_run


class Equipment(NamedTuple):
    """The blocks of one run."""

    model: LTXModel
    store: MediaStore
    safety: SafetyChecker
    credentials: ContentCredentials
    expander: PromptExpander

    def anew(self) -> Equipment:
        """Return the same, but with nothing in the store that was made before this run began."""
        return self._replace(store=self.store.anew_since(start_of_this_run()))


def equipment(*, model: str, store: str, safety: str, credentials: str, expander: str) -> Equipment:
    """Load the blocks that are saved under these names.

    Raises:
        Misconfigured: There is no such block.
    """
    return Equipment(
        model=saved(LTXModel, model),
        store=saved(MediaStore, store),
        safety=saved(SafetyChecker, safety),
        credentials=saved(ContentCredentials, credentials),
        expander=saved(PromptExpander, expander),
    )
