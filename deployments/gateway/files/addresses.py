"""Addresses of files, as callers reach them."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from deployments.gateway.access.seal import Seal
from deployments.gateway.hosts import address_of

OUTPUT = "output"
"""Purpose of the marks of finished files."""

KEPT = "kept"
"""Purpose of the marks of what stages keep, such as a look at a draft."""


def file_address(id_: str, name: str, request: Request) -> str:
    """Return where an upload can be opened."""
    return f"{address_of(request, 'media')}/files/{id_}/{quote(name)}"


def upload_address(id_: str, token: str, request: Request) -> str:
    """Return where an upload is sent."""
    return f"{address_of(request, 'media')}/upload/{id_}?ticket={token}"


def output_address(name: str, media: str, seal: Seal) -> str:
    """Return where a finished file of the store can be opened: by those who were told.

    Args:
        name: Of the file among the store's outputs.
        media: Address of the door ``media``.
        seal: Of the gateway.
    """
    return f"{media}/outputs/{seal.mark(OUTPUT, name)}/{quote(name)}"


def kept_address(path: str, media: str, seal: Seal) -> str:
    """Return where what a stage keeps in the store can be opened: by those who were told.

    Args:
        path: In the store.
        media: Address of the door ``media``.
        seal: Of the gateway.
    """
    return f"{media}/kept/{seal.mark(KEPT, path)}/{quote(path)}"
