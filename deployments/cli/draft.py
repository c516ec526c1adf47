"""``ltx draft``: first passes to choose from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.copy_out import checked_target
from deployments.cli.options import (
    Credentials,
    Expander,
    Items,
    Model,
    RequestFile,
    Safety,
    Settings,
    Sheet,
    Store,
    option,
)
from deployments.cli.outcome import run_to_outcome, write_sheet
from deployments.cli.request_file import read_request
from deployments.cli.server import reach_server_aloud
from deployments.cli.typed_request import folder_of, items_of, merged
from deployments.cli.watch import Terminal
from ltxv.request import parse_request
from ltxv.unsupported import refuse_unsupported

_MOST = 16


def draft(  # noqa: PLR0917 - typer reads the options off the signature
    request_file: RequestFile = None,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, max=_MOST, help="How many drafts.")
    ] = 4,
    prompt: Annotated[str | None, option("What the videos show.")] = None,
    image: Items = None,
    video: Items = None,
    seed: Annotated[
        int | None, option("Seed of the first draft; the next ones count on. Drawn if left out.")
    ] = None,
    setting: Settings = None,
    sheet: Sheet = None,
    model: Model = DEFAULT,
    store: Store = DEFAULT,
    safety: Safety = DEFAULT,
    credentials: Credentials = DEFAULT,
    expander: Expander = DEFAULT,
) -> None:
    """Make the first pass for several seeds, to choose from with `ltx refine`.

    The drafts are one line of JSON on stdout, with an address of a small clip of each. The run
    then waits at the server, without a process, for as long as you like.

    \b
    ltx draft request.json -n 4 --sheet drafts.jpg
    ltx draft --prompt "..." --image cat.jpg
    ltx refine 0c1f 2 4
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    given: dict[str, Any] = {
        "prompt": prompt,
        "images": items_of(image, field="image_url"),
        "videos": items_of(video, field="video_url"),
        "seed": seed,
    }
    base = {} if request_file is None else read_request(request_file)
    request = parse_request(merged(base, given, setting or []))
    refuse_unsupported(request)
    target = None if sheet is None else checked_target(sheet)
    terminal = Terminal()
    reach_server_aloud(terminal.say)
    from deployments.flow_runs import start_here  # noqa: PLC0415 - after the first line is shown
    from flows.draft import draft_videos  # noqa: PLC0415

    kept = saved(MediaStore, store)
    parameters = {
        "request": with_local_media(request, kept, beside=folder_of(request_file)),
        "drafts": number,
        "model": model,
        "store": store,
        "safety": safety,
        "credentials": credentials,
        "expander": expander,
    }
    run_to_outcome(lambda: start_here(draft_videos, parameters), terminal=terminal)
    if target is not None:
        write_sheet(str(terminal.flow_run), target, terminal=terminal)
