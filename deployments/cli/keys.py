"""``ltx keys``: who may ask the gateway."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.options import Store
from deployments.cli.server import reach_server
from ltxv.plain_text import one_line

if TYPE_CHECKING:
    from deployments.gateway.access.key_record import KeyRecord, NewKey
    from deployments.gateway.access.key_ring import KeyRing

_LONGEST_NAME = 100
_SHOWN_NAME = 32
_GIGABYTE = 10**9

keys = typer.Typer(
    help="Make, list, revoke and rotate the API keys of the gateway (ltx gateway).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Id = Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of the key; its first half.")]


class ScopeName(StrEnum):
    """What a key may see."""

    user = "user"
    admin = "admin"


@keys.command()
def create(  # noqa: PLR0917 - typer reads the options off the signature
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for your list.")],
    scope: Annotated[
        ScopeName,
        typer.Option(help="user: its own requests and files; admin: those of all keys."),
    ] = ScopeName.user,
    concurrent: Annotated[
        int | None,
        typer.Option(min=1, help="Requests that may wait or run at a time.", show_default=False),
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests in any minute.", show_default=False)
    ] = None,
    gpu_seconds_per_day: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Seconds that its requests' GPU stages may take in any 24 hours.",
            show_default=False,
        ),
    ] = None,
    upload_gb: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Gigabytes of uploaded files that it may keep.",
            metavar="GB",
            show_default=False,
        ),
    ] = None,
    store: Store = DEFAULT,
) -> None:
    """Make a key and print it, once: only a digest of it is kept.

    Without limits it may ask for as much as it likes. From the first key on every request to the
    gateway needs one.

    \b
    ltx keys create alice --concurrent 4 --gpu-seconds-per-day 7200
    export FAL_KEY=$(ltx keys create ci | jq -r .key)
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    from deployments.gateway.access.key_record import KeyLimits  # noqa: PLC0415 - for --help

    plain = one_line(name, most=_LONGEST_NAME)
    if not plain:
        raise typer.BadParameter("give it a name that you will know it by", param_hint="NAME")
    limits = KeyLimits(
        concurrent=concurrent,
        per_minute=per_minute,
        gpu_seconds_per_day=gpu_seconds_per_day,
        upload_bytes=None if upload_gb is None else int(upload_gb * _GIGABYTE),
    )
    _tell(_ring(store).create(plain, scope=scope.value, limits=limits))


@keys.command("list")
def list_keys(store: Store = DEFAULT) -> None:
    """List all keys, without their secrets: a table on stderr, a line of JSON each on stdout."""
    records = _ring(store).all()
    _say(_TITLES)
    for record in records:
        _say(_row(record))
    for record in records:
        typer.echo(json.dumps(_public(record)))


@keys.command()
def revoke(key_id: Id, store: Store = DEFAULT) -> None:
    """End a key for good, within seconds. What it asked for goes on and stays its own."""
    record = _ring(store).revoke(key_id)
    print(f"The key {record.id} of {record.name} opens nothing any more.", file=sys.stderr)
    typer.echo(json.dumps(_public(record)))


@keys.command()
def rotate(
    key_id: Id,
    keep_old_hours: Annotated[
        float,
        typer.Option(min=0, max=24 * 90, help="Hours that the old secret works beside the new."),
    ] = 0,
    store: Store = DEFAULT,
) -> None:
    """Give a key a new secret and print it, once. Its id, requests, files and limits stay.

    \b
    ltx keys rotate 4f2a... --keep-old-hours 24    # time to change it everywhere
    """  # noqa: D301
    _tell(_ring(store).rotate(key_id, keep_old=timedelta(hours=keep_old_hours)))


_TITLES = ("ID", "NAME", "SCOPE", "STATE", "CREATED", "LIMITS")


def _ring(store: str) -> KeyRing:
    from deployments.gateway.access.key_ring import KeyRing  # noqa: PLC0415 - for --help

    reach_server()
    return KeyRing(saved(MediaStore, store))


def _tell(made: NewKey) -> None:
    print(
        f"The key {made.record.id} of {made.record.name}. It is shown this once; keep it where "
        "the client finds it, as FAL_KEY.",
        file=sys.stderr,
    )
    typer.echo(json.dumps({**_public(made.record), "key": made.key, "single": made.single}))


def _say(cells: tuple[str, ...]) -> None:
    widths = (16, _SHOWN_NAME, 5, 8, 10, 0)
    line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    print(line.rstrip(), file=sys.stderr)


def _row(record: KeyRecord) -> tuple[str, ...]:
    name = one_line(record.name, most=_SHOWN_NAME)
    created = f"{record.created:%Y-%m-%d}"
    return (record.id, name, record.scope, _state(record), created, _limits(record))


def _state(record: KeyRecord) -> str:
    if record.revoked is not None:
        return "revoked"
    two = record.old_until is not None and record.old_until > datetime.now(UTC)
    return "rotating" if two else "valid"


def _limits(record: KeyRecord) -> str:
    limits = record.limits
    said = [
        f"{limits.concurrent} at a time" if limits.concurrent else "",
        f"{limits.per_minute} a minute" if limits.per_minute else "",
        f"{limits.gpu_seconds_per_day:g} GPU s a day" if limits.gpu_seconds_per_day else "",
        f"{limits.upload_bytes / _GIGABYTE:g} GB of files" if limits.upload_bytes else "",
    ]
    return ", ".join(filter(None, said)) or "none"


def _public(record: KeyRecord) -> dict[str, Any]:
    digests = {"secret_sha256", "old_sha256"}
    return {**record.model_dump(mode="json", exclude=digests), "state": _state(record)}
