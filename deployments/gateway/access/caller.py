"""Who a request comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["user", "admin"]


@dataclass(frozen=True)
class Caller:
    """The holder of a key."""

    key_id: str
    """Its requests and files are those of this key, and it sees no others."""
    scope: Scope
    """An ``admin`` sees those of all keys."""

    def may_see(self, key_id: str) -> bool:
        """Say whether what belongs to a key is this caller's to see."""
        return self.scope == "admin" or self.key_id == key_id


NOBODY = Caller("nobody", "admin")
"""Whoever asks a gateway that has no keys, and so listens to its own machine alone."""
