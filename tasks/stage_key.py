"""What decides a stage's outcome, as the key under which it is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext

from ltxv.frozen import Frozen, digest_of
from ltxv.refs import Ref


@dataclass
class StageKey(CachePolicy):
    """The digest of a stage's name, version and named inputs.

    Refs count by the digest of their content, so that where bytes came from does not matter.
    """

    stage: str = ""
    version: int = 1
    inputs: tuple[str, ...] = ()
    also: Callable[[], str] | None = None
    """Something outside the inputs that decides the outcome, such as a program's version."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,  # noqa: ARG002 - Prefect's signature
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> str:
        """Return ``stage/digest``."""
        made_of = {
            "version": self.version,
            "inputs": {name: _identity(inputs[name]) for name in self.inputs},
            "also": self.also() if self.also else None,
        }
        return f"{self.stage}/{digest_of(made_of)}"


def _identity(value: Any) -> Any:
    """Return what of ``value`` a key is made of."""
    if isinstance(value, Ref):
        return value.sha256
    if isinstance(value, Frozen):
        return value.model_dump(mode="json")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_identity(part) for part in value]
    return value
