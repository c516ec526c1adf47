"""One download: what was asked, for which field, within which limits and until when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from ltxv.errors import Loc, Refused, Transient, Violation, shortened
from ltxv.frozen import Frozen

FILE_DOWNLOAD_ERROR = "file_download_error"
FILE_TOO_LARGE = "file_too_large"


class FetchLimits(Frozen):
    """How much a stranger's URL may cost."""

    max_bytes: int = Field(default=256 * 2**20, gt=0, description="Largest file in bytes.")
    max_lora_bytes: int = Field(
        default=2 * 2**30, gt=0, description="Largest LoRA in bytes; those of 13B reach 1.3 GB."
    )
    timeout_seconds: float = Field(
        default=60, gt=0, description="Seconds for the whole transfer, redirects included."
    )
    connect_timeout_seconds: float = Field(
        default=10, gt=0, description="Seconds to connect to one address."
    )
    max_redirects: int = Field(default=5, ge=0, description="Redirects followed before giving up.")
    trusted_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts, as host or host:port, that may have a private address and any port.",
    )

    def trust(self, host: str, port: int) -> bool:
        """Say whether the operator exempts ``host`` from the rules on addresses and ports."""
        shown = f"[{host}]" if ":" in host else host
        names = {host.lower(), shown.lower(), f"{shown}:{port}".lower()}
        return any(trusted.lower() in names for trusted in self.trusted_hosts)


@dataclass(frozen=True)
class Errand:
    """A download under way; it words its own errors and keeps its own clock."""

    url: str
    loc: Loc
    limits: FetchLimits
    ends: float
    """``time.monotonic()`` at which the transfer must be over."""
    done: str = "downloaded"
    """What could not be done with it, where it fails."""

    @classmethod
    def start(cls, url: str, *, loc: Loc, limits: FetchLimits, done: str = "downloaded") -> Errand:
        """Return an errand whose clock runs from now."""
        ends = time.monotonic() + limits.timeout_seconds
        return cls(url=url, loc=loc, limits=limits, ends=ends, done=done)

    @property
    def brings_file(self) -> bool:
        """Whether a file is fetched, and not sent."""
        return self.done == "downloaded"

    @property
    def seconds_left(self) -> float:
        """What is left of the whole transfer's time; 0 or less when it is over."""
        return self.ends - time.monotonic()

    def refused(self, reason: str, *, type: str = FILE_DOWNLOAD_ERROR, **ctx: Any) -> Refused:
        """Return the error that ends this errand for good."""
        return Refused(self._violation(reason, type, ctx))

    def failed(self, reason: str, **ctx: Any) -> Transient:
        """Return the error of a try that may succeed when it is made again."""
        return Transient(self._violation(reason, FILE_DOWNLOAD_ERROR, ctx))

    def _violation(self, reason: str, type: str, ctx: dict[str, Any]) -> Violation:
        msg = f"could not be {self.done}: {reason}"
        return Violation(loc=self.loc, msg=msg, type=type, ctx=ctx, input=shortened(self.url))
