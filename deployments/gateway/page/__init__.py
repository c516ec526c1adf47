"""A small page for people, in the browser: a prompt, pictures and clips in, a video out.

It has no build step and nothing from elsewhere; it speaks the gateway's own protocol, as any
client does. What it may load is fixed by its Content-Security-Policy: scripts and styles are its
own, nothing is inline, and it talks to no other host. Pictures and clips may come from any, because
stores give addresses of their own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from ltxv.request import VideoRequest

_FILES = Path(__file__).with_name("static")
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src * data: blob:; media-src * data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_FileName = Literal[
    "page.css",
    "page.js",
    "cost.js",
    "drafts.js",
    "items.js",
    "loras.js",
    "queue.js",
    "requests.js",
    "settings.js",
]

router = APIRouter(include_in_schema=False)


@router.get("/")
def front() -> RedirectResponse:
    """Send whoever opens the gateway in a browser to the page."""
    return RedirectResponse("page/")


@router.get("/page")
def page(request: Request) -> Response:
    """Return the page, at an address that its own files are below."""
    # As it was asked for: further out the slash at the end is taken off.
    if not request.scope["raw_path"].endswith(b"/"):
        return RedirectResponse("page/")
    return FileResponse(_FILES / "index.html", headers=_HEADERS)


@router.get("/page/schema.json")
def schema() -> JSONResponse:
    """Return what the page makes its settings of."""
    return JSONResponse(_schema(), headers=_HEADERS)


@router.get("/page/{name}")
def file(name: _FileName) -> FileResponse:
    """Return one of the page's files."""
    return FileResponse(_FILES / name, headers=_HEADERS)


@cache
def _schema() -> dict[str, Any]:
    return VideoRequest.model_json_schema()
