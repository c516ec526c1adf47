"""What a check says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import httpx
from prefect.exceptions import PrefectException

from ltxv.errors import LTXError

State = Literal["ok", "warning", "failed"]

FAULTS = (LTXError, OSError, ImportError, RuntimeError, httpx.HTTPError, PrefectException)
"""What checks can meet: our own errors, and those of torch, Prefect and the network."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty where all is well."""

    name: str
    state: State
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" -> {self.remedy}" if self.remedy else ""
        return f"{self.state:7} {self.name}: {self.detail}{remedy}"


class Findings(list[Finding]):
    """What one check found, in order."""

    @contextmanager
    def of(self, name: str, *, remedy: str) -> Iterator[None]:
        """Turn a fault inside the context into a failed finding.

        Our own errors end with their remedy after a semicolon; ``remedy`` is for all others.
        """
        try:
            yield
        except FAULTS as error:
            detail, said, own = str(error).rpartition("; ")
            if isinstance(error, LTXError) and said:
                self.append(Finding(name, "failed", detail, own))
            else:
                shown = str(error) or type(error).__name__
                self.append(Finding(name, "failed", shown, remedy))

    def ok(self, name: str, detail: str) -> None:
        """Note that all is well."""
        self.append(Finding(name, "ok", detail))
