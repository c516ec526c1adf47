"""What may stay in a store, and what became of it when it was cleaned."""

from __future__ import annotations

from pydantic import Field

from ltxv.frozen import Frozen


class Limits(Frozen):
    """What may stay in a store."""

    max_age: float = Field(gt=0, description="Seconds since something was last used.")
    max_bytes: int | None = Field(
        default=None, ge=0, description="Size of all but published files; None for no limit."
    )
    grace: float = Field(ge=0, description="Seconds for which a run may need what it was given.")


class Cleaned(Frozen):
    """What went, or would go, and what is there."""

    records: int = Field(description="Results that are used no more.")
    payloads: int = Field(description="Files of content that are gone.")
    freed_bytes: int = Field(description="Size of all that is gone.")
    waiting_bytes: int = Field(description="Size of content that goes once the grace is over.")
    notes: int = Field(description="Notes of what runs made that nobody needs any more.")
    leftovers: int = Field(description="Unfinished files and locks of processes that died.")
    uploads: int = Field(
        default=0, description="Files that callers sent whose time is over, and their remains."
    )
    results: int = Field(
        default=0, description="Finished videos that were wanted for a while, which is over."
    )
    kept_bytes: int = Field(description="Size of what stays, published files left out.")
    published_bytes: int = Field(description="Size of published files, which are never removed.")
    dry_run: bool = Field(description="Whether nothing was removed.")
