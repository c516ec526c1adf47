"""One run by a deployment's workers, watched from a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks.local_media import with_local_media
from blocks.media_store import MediaStore
from blocks.run_notes import noted_run
from blocks.saved import DEFAULT, saved
from deployments.cli.copy_out import checked_target, copy_out
from deployments.cli.server import reach_server
from deployments.cli.watch import Terminal
from deployments.follow import follow
from deployments.submit import DEFAULT_DEPLOYMENT, deployment_of, submit
from ltxv.errors import Misconfigured
from ltxv.request import VideoRequest
from ltxv.result import VideoResult
from ltxv.unsupported import refuse_unsupported

OPTION = "--deployment"
_NO_NAME = re.compile(r"-|.*\.json$", re.DOTALL)


class LeftRunning(SystemExit):
    """The user stopped watching; the run goes on."""

    def __init__(self) -> None:
        super().__init__(130)


def run_by_deployment(
    name: str,
    request: VideoRequest,
    *,
    parameters: Mapping[str, Any],
    beside: Path,
    output: Path | None,
) -> VideoResult:
    """Have the workers of a deployment generate the video, and show it going on.

    Args:
        name: The deployment.
        request: What to generate; files of this machine go into the store first.
        parameters: Those of the flow that are not as the deployment has them.
        beside: Folder that relative paths in the request start from.
        output: Where to copy the finished mp4.

    Raises:
        LTXError: There is no such deployment, or the run ended without a result.
        LeftRunning: The user stopped watching.
    """
    refuse_unsupported(request)
    target = None if output is None else checked_target(output)
    terminal = Terminal()
    terminal.say("Reaching the Prefect server …")
    reach_server()
    deployment = deployment_of(name)
    named = parameters.get("store") or deployment.parameters.get("store", DEFAULT)
    store = saved(MediaStore, named)
    request = with_local_media(request, store, beside=beside)
    run = submit(deployment, {**parameters, "request": request.model_dump(mode="json")})
    terminal.say(f"Flow run {run.id} of {name}")
    try:
        follow(run.id, terminal)
    except KeyboardInterrupt:
        terminal.say(
            f"The run goes on. To follow it: prefect flow-run watch {run.id}; to end it: prefect "
            f"flow-run cancel {run.id}"
        )
        raise LeftRunning from None
    note = noted_run(str(run.id), store)
    if note is None:
        raise Misconfigured(
            f"the run {run.id} completed, and its result is not in the store {named!r} as this "
            "machine sees it; let both use one store that both can reach, such as a bucket"
        )
    if target is not None:
        copy_out(note.result, target, store=store)
        terminal.say(f"Wrote {target}")
    return note.result


def with_default_deployment(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of ``ltx`` with a name after each ``--deployment`` that has none.

    Of `ltx generate`, whose option may stand alone; what follows is no name if it is another
    option or a JSON file.
    """
    if arguments[:1] != ["generate"]:
        return list(arguments)
    named: list[str] = []
    for number, argument in enumerate(arguments):
        named.append(argument)
        after = arguments[number + 1] if number + 1 < len(arguments) else "-"
        if argument == OPTION and _NO_NAME.match(after):
            named.append(DEFAULT_DEPLOYMENT)
    return named
