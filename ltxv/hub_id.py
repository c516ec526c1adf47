"""The names of repositories on the Hub."""

from __future__ import annotations

import re

_FORM = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def is_hub_id(name: str) -> bool:
    """Say whether ``name`` has the form of a repository's name, ``owner/name``."""
    return _FORM.fullmatch(name) is not None and ".." not in name
