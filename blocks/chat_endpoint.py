"""An OpenAI-compatible endpoint of the operator's, asked for one answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
from pydantic import SecretStr

from ltxv.errors import Misconfigured, Transient

BASE_URL = r"^https?://[^\s@?#]+$"
"""What an endpoint's address looks like: no password and no query."""

_BUSY = (408, 425, 429)
_NO_ENTRY = (401, 403)
_MOST_BYTES = 2**20
_CUT = "length"


class Answer(NamedTuple):
    """What a model said."""

    text: str
    cut: bool
    """Whether it ran into the limit of tokens."""


def fits_a_header(key: SecretStr | None) -> SecretStr | None:
    """Refuse a key that an HTTP library would show in its complaint about the header."""
    if key is not None and not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ValueError("a key has ASCII letters, digits and signs, and no spaces")
    return key


@dataclass(frozen=True)
class ChatEndpoint:
    """Where to ask, and how its errors are told."""

    base_url: str
    model: str
    key: SecretStr | None
    seconds: float
    """Until it is given up."""
    who: str
    """Such as ``the text moderator``."""
    without: str
    """What follows if it gives no answer."""
    block: str
    """Name of the kind of block that has its URL, model and key."""

    def ask(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> Answer:
        """Have the model answer a conversation.

        Args:
            messages: The conversation, in the protocol's form.
            options: More fields of the protocol, such as ``max_tokens``.

        Raises:
            Transient: The endpoint is away, busy or too slow.
            Misconfigured: It refuses the call or answers with something else than a completion.
        """
        body = {"model": self.model, "messages": list(messages), **options}
        # Not compressed: what a few bytes become cannot be bounded before they are there.
        headers = {"Accept-Encoding": "identity"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key.get_secret_value()}"
        deadline = time.monotonic() + self.seconds
        try:
            with httpx.stream(
                "POST",
                f"{self.base_url.rstrip('/')}/chat/completions",
                json=body,
                headers=headers,
                timeout=self.seconds,
                follow_redirects=False,
            ) as response:
                self._check(response)
                return self._read(response, deadline)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise self.unusable("has an address that is none") from error
        except httpx.HTTPError as error:
            raise Transient(
                f"{self.who} could not be asked ({type(error).__name__}); {self.without}"
            ) from error

    def unusable(self, what: str) -> Misconfigured:
        """Return the error for an endpoint that does not do what it is there for."""
        return Misconfigured(
            f"{self.who} {what}; {self.without}: see its URL, model and key in the "
            f"{self.block} block"
        )

    def _check(self, response: httpx.Response) -> None:
        if response.status_code in _BUSY or response.is_server_error:
            raise Transient(f"{self.who} answered HTTP {response.status_code}; {self.without}")
        if response.status_code in _NO_ENTRY:
            raise self.unusable(
                f"answered HTTP {response.status_code}, so its key is wrong or none"
            )
        if response.status_code != httpx.codes.OK:
            raise self.unusable(f"answered HTTP {response.status_code}")

    def _read(self, response: httpx.Response, deadline: float) -> Answer:
        content = bytearray()
        for part in response.iter_raw():
            content += part
            if len(content) > _MOST_BYTES:
                raise self.unusable(f"answered with more than {_MOST_BYTES} bytes")
            if time.monotonic() > deadline:  # httpx looks at each read alone
                raise Transient(
                    f"{self.who} took longer than {self.seconds:g} seconds; {self.without}"
                )
        try:
            choice: Any = json.loads(content)["choices"][0]
            text, reason = choice["message"]["content"], choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self.unusable("answered with something else than a completion") from error
        if not isinstance(text, str):
            raise self.unusable("answered without text")
        return Answer(text, cut=reason == _CUT)
