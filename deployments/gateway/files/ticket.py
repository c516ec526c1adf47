"""What a file that is to come will be, signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from blocks.uploads import Access, Upload
from deployments.gateway.access.caller import NOBODY
from deployments.gateway.access.denied import forbidden
from deployments.gateway.house import House
from ltxv.frozen import Frozen

SECONDS = 3600
"""For how long an upload may be begun and go on."""
_PURPOSE = "upload"


class Ticket(Frozen):
    """Leave to send one file."""

    id: str
    name: str
    content_type: str
    owner: str
    seconds: int | None = None
    """How long the file is kept; None for good."""
    access: Access = "allow"
    access_of: Mapping[str, Access] = {}

    def signed(self, house: House) -> str:
        """Return it as a token."""
        return house.seal.sign(
            _PURPOSE, self.model_dump(mode="json", exclude_defaults=True), seconds=SECONDS
        )

    def upload(self, *, size: int, sha256: str) -> Upload:
        """Return what is known of the file once it is there."""
        now = datetime.now(UTC)
        return Upload(
            id=self.id,
            name=self.name,
            content_type=self.content_type,
            size=size,
            sha256=sha256,
            owner=self.owner,
            created=now,
            expires=None if self.seconds is None else now + timedelta(seconds=self.seconds),
            access=self.access,
            access_of=dict(self.access_of),
        )


async def opened(token: str, house: House, *, id_: str) -> Ticket:
    """Return the ticket that a sender shows.

    Args:
        token: As it was given out.
        house: By which house.
        id_: Of the file that the address is of.

    Raises:
        Failure: It is not ours, of another file, over, or its key was revoked.
    """
    claims: dict[str, Any] = house.seal.open(_PURPOSE, token) or {}
    try:
        ticket = Ticket.model_validate(
            {name: value for name, value in claims.items() if name not in ("iat", "exp")}
        )
    except ValidationError:
        ticket = None
    if ticket is None or ticket.id != id_:
        raise forbidden("the upload address is not valid here or is over; start the upload anew")
    is_nobodys = ticket.owner == NOBODY.key_id
    still = house.keys.is_open() if is_nobodys else house.keys.in_force(ticket.owner)
    if not await still:
        raise forbidden(
            "the API key that started the upload opens nothing any more; use another one"
        )
    return ticket
