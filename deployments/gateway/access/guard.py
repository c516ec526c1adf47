"""Who a request comes from: a dependency of every route that is not for everybody."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from deployments.gateway.access.caller import NOBODY, Caller
from deployments.gateway.access.denied import forbidden, unauthorized
from deployments.gateway.access.seal import is_token

TOKEN = "token"  # noqa: S105 - the name of a purpose
TOKEN_QUERY = "fal_jwt_token"  # noqa: S105 - the name of a parameter
_SCHEMES = ("key", "bearer")
_APPLICATIONS = ("/queue/", "/run/")
"""Where a token opens something: not where more tokens are made."""
_HOSTED = ("fal.run", "fal.ai", "fal.media")
_MAKE_ONE = "make one with `ltx keys create`"


async def caller(request: Request) -> Caller:
    """Return who a request comes from.

    A key is shown as ``Authorization: Key ID:SECRET`` or ``Bearer ...``; a token that was given
    out for a while by ``/tokens/`` as ``Bearer`` or as the query parameter ``fal_jwt_token``.

    Raises:
        Failure: There is no key, or none that opens this.
        LTXError: The store with the keys fails.
    """
    house = request.app.state.house
    if await house.keys.is_open():
        _refuse_foreign_page(request)
        return NOBODY
    shown = _shown(request)
    if not shown:
        raise unauthorized(
            "there is no API key in the request; send `Authorization: Key ID:SECRET` (in the "
            f"clients: FAL_KEY); the operator can {_MAKE_ONE}"
        )
    found = await (_by_token(shown, request) if is_token(shown) else _by_key(shown, house))
    if found is None:
        raise unauthorized(
            f"the API key is not known here, was revoked or has ended; the operator can {_MAKE_ONE}"
        )
    return found


async def admin(found: Annotated[Caller, Depends(caller)]) -> Caller:
    """Return who a request comes from, if they run the house.

    Raises:
        Failure: They do not.
    """
    if found.scope != "admin":
        raise forbidden("this needs a key with the scope admin; ask the operator for one")
    return found


def _shown(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() in _SCHEMES:
        return value.strip()
    return request.query_params.get(TOKEN_QUERY, "")


async def _by_key(key: str, house: Any) -> Caller | None:
    record = await house.keys.holder(key)
    return None if record is None else Caller(record.id, record.scope)


async def _by_token(token: str, request: Request) -> Caller | None:
    house = request.app.state.house
    claims = house.seal.open(TOKEN, token)
    if claims is None:
        return None
    apps = claims.get("apps") or []
    if not any(_is_for(request, str(app)) for app in apps):
        raise forbidden(f"the token is for {', '.join(map(str, apps))} alone; ask for another one")
    if claims["sub"] == NOBODY.key_id:  # given out before the first key was made
        return None
    record = await house.keys.in_force(claims["sub"])
    return None if record is None else Caller(record.id, "user")


def _is_for(request: Request, app: str) -> bool:
    """Say whether a request asks for an application, by its alias or with its owner."""
    path = f"{request.url.path}/"
    return path.startswith(_APPLICATIONS) and f"/{app.strip('/')}/" in path


def _refuse_foreign_page(request: Request) -> None:
    """Refuse web pages of others: without keys, any page that a browser shows could ask.

    Raises:
        Failure: The page, or the name that the machine was asked for by, is not of this machine.
    """
    origin = request.headers.get("origin")
    if origin is not None and not _is_here(_host_of(origin)):
        raise forbidden(f"web pages of other hosts need a key; {_MAKE_ONE}")
    host = _host_of(f"//{request.headers.get('host', '')}")
    public = _host_of(getattr(request.app.state.house, "public_address", None) or "")
    hosted = host is not None and any(host == one or host.endswith(f".{one}") for one in _HOSTED)
    if not (hosted or _is_here(host) or (host is not None and host == public)):
        raise forbidden(f"under another name than localhost requests need a key; {_MAKE_ONE}")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_here(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
