"""A language model that writes, behind an endpoint of the operator's."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from blocks.chat_endpoint import ChatEndpoint
from ltxv.expansion import MAX_TOKENS, TEMPERATURE, TOP_P, ExpansionWork, turns
from ltxv.frozen import digest_of

_SEEDS = 2**31
"""Some endpoints take no larger ones."""


@dataclass(frozen=True)
class ChatWriter:
    """A model as a prompt expander asks it."""

    base_url: str
    model: str
    key: SecretStr | None
    seconds: float

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self.model

    @property
    def identity(self) -> str:
        """Digest of where the model is and what it is called; its key is no part of it."""
        return digest_of([self.base_url, self.model])

    def write_out(self, work: ExpansionWork) -> str:
        """Return the model's answer.

        Raises:
            Transient: The endpoint is away, busy or too slow.
            Misconfigured: It refuses the call, or the answer ran into the limit of tokens.
        """
        endpoint = ChatEndpoint(
            base_url=self.base_url,
            model=self.model,
            key=self.key,
            seconds=self.seconds,
            who="the prompt expander",
            without="prompts stay as they are",
            block="LTX Prompt Expander",
        )
        answer = endpoint.ask(
            turns(work),
            seed=work.seed % _SEEDS,
            temperature=TEMPERATURE,
            top_p=TOP_P,
            max_tokens=MAX_TOKENS,
        )
        if answer.cut:
            raise endpoint.unusable(f"went on past {MAX_TOKENS} tokens")
        return answer.text
