"""Media inside the request itself: RFC 2397's ``data:[type][;base64],payload``."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from blocks.internet.errand import Errand
from blocks.internet.intake import Intake

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SPACE = re.compile(rb"[ \t\r\n\f]+")
_DEFAULT_TYPE = "text/plain"
_EXAMPLE = "send data:<type>;base64,<bytes>"


def is_data_uri(url: str) -> bool:
    """Say whether ``url`` carries its content itself."""
    return url[:5].lower() == "data:"


def unpack(errand: Errand, intake: Intake) -> str:
    """Write the payload of ``errand.url`` to ``intake`` and return its declared type.

    Raises:
        Refused: The URI is malformed or holds more than ``limits.max_bytes``.
    """
    head, comma, payload = errand.url[5:].partition(",")
    if not comma:
        raise errand.refused(f"the data URI has no comma before its content; {_EXAMPLE}")
    if not payload.isascii() or _BAD_ESCAPE.search(payload):
        raise errand.refused(
            f"the data URI has characters that are not percent-encoded; {_EXAMPLE}"
        )
    declared, *parameters = head.split(";")
    encoded = bool(parameters) and parameters[-1].strip().lower() == "base64"
    intake.expect(_least_size(payload, encoded=encoded))
    content = unquote_to_bytes(payload)
    intake.write(_from_base64(content, errand) if encoded else content)
    return declared or _DEFAULT_TYPE


def _least_size(payload: str, *, encoded: bool) -> int:
    """Return how many bytes the payload holds at least, without decoding it."""
    escaped = len(payload) - 2 * payload.count("%")
    if not encoded:
        return escaped
    spaces = sum(payload.count(space) for space in " \t\r\n\f")
    return max((escaped - spaces) // 4 * 3 - 2, 0)


def _from_base64(content: bytes, errand: Errand) -> bytes:
    """Decode as browsers do: white space and missing padding are forgiven, nothing else is."""
    packed = _SPACE.sub(b"", content).rstrip(b"=")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error as error:
        raise errand.refused(f"the data URI is not valid base64; {_EXAMPLE}") from error
