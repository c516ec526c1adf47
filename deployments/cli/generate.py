"""``ltx generate``: a request, from a file or from options, becomes a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blocks.saved import DEFAULT
from deployments.cli.options import (
    Credentials,
    Expander,
    Items,
    Model,
    Output,
    RequestFile,
    Safety,
    Settings,
    Store,
    option,
)
from deployments.cli.remake import recorded_request
from deployments.cli.remote import run_by_deployment
from deployments.cli.request_file import read_request
from deployments.cli.run import run
from deployments.cli.typed_request import folder_of, items_of, merged
from deployments.submit import DEFAULT_DEPLOYMENT
from ltxv.media.write import VideoQuality
from ltxv.request import parse_request


def generate(  # noqa: PLR0917 - typer reads the options off the signature
    request_file: RequestFile = None,
    prompt: Annotated[str | None, option("What the video shows.")] = None,
    negative_prompt: Annotated[str | None, option("What to avoid.")] = None,
    image: Items = None,
    video: Items = None,
    resolution: Annotated[str | None, option("480p or 720p (default).")] = None,
    aspect_ratio: Annotated[str | None, option("9:16, 1:1, 16:9 or auto (default).")] = None,
    frames: Annotated[int | None, option("Frames, 9 to 257 (default 121).")] = None,
    frame_rate: Annotated[int | None, option("Frames a second, 1 to 60 (default 30).")] = None,
    seed: Annotated[int | None, option("Random seed; drawn if left out.")] = None,
    crf: Annotated[int | None, option("CRF of conditioning media, 0 to 51 (default 35).")] = None,
    reverse: Annotated[bool | None, option("Play the video backwards.")] = None,
    safety_checker: Annotated[bool | None, option("Check every frame (default).")] = None,
    expand_prompt: Annotated[
        bool | None, option("Let the expander write a short prompt out.")
    ] = None,
    setting: Settings = None,
    made_by: Annotated[
        Path | None,
        option(
            "Finished mp4 to make again; options change what its request says.",
            "--from",
            metavar="FILE",
        ),
    ] = None,
    quality: Annotated[
        VideoQuality | None,
        option("How much detail the mp4 keeps: low, medium, high (default) or maximum."),
    ] = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Make every stage anew; nothing is taken from the store."),
    ] = False,
    deployment: Annotated[
        str | None,
        option(
            "Have the workers of this deployment make it instead of this process; "
            f"{DEFAULT_DEPLOYMENT} if no name follows.",
            metavar="[NAME]",
        ),
    ] = None,
    output: Output = None,
    model: Model = DEFAULT,
    store: Store = DEFAULT,
    safety: Safety = DEFAULT,
    credentials: Credentials = DEFAULT,
    expander: Expander = DEFAULT,
) -> None:
    """Generate a video from a prompt and any number of images and videos.

    The result is one line of JSON on stdout. Stages that an earlier run finished with the same
    settings are taken from the store.

    \b
    ltx generate --prompt "A cat turns its head" --image cat.jpg -o cat.mp4
    ltx generate --prompt "..." --image first.jpg --image last.jpg@120:0.8 --video clip.mp4@24
    ltx generate request.json --set first_pass_number_of_steps=6
    ltx generate --from cat.mp4
    ltx generate request.json --refresh
    ltx generate request.json --deployment -o cat.mp4
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    given = {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "images": items_of(image, field="image_url"),
        "videos": items_of(video, field="video_url"),
        "resolution": resolution,
        "aspect_ratio": aspect_ratio,
        "number_of_frames": frames,
        "frame_rate": frame_rate,
        "seed": seed,
        "constant_rate_factor": crf,
        "reverse_video": reverse,
        "enable_safety_checker": safety_checker,
        "expand_prompt": expand_prompt,
    }
    base: Any = {}
    if made_by is not None:
        if request_file is not None:
            raise typer.BadParameter("give a request or --from, not both", param_hint="--from")
        base, recorded = recorded_request(made_by, model=model, store=store)
        quality = quality or recorded
    elif request_file is not None:
        base = read_request(request_file)
    data = merged(base, given, setting or [])
    request = parse_request(data)
    blocks = {
        "model": model,
        "store": store,
        "safety": safety,
        "credentials": credentials,
        "expander": expander,
    }
    if deployment is not None:
        parameters: dict[str, Any] = {
            name: block for name, block in blocks.items() if block != DEFAULT
        }
        parameters |= {} if quality is None else {"quality": quality}
        parameters |= {"refresh": True} if refresh else {}
        result = run_by_deployment(
            deployment,
            request,
            parameters=parameters,
            beside=folder_of(request_file),
            output=output,
        )
    else:
        result = run(
            request,
            **blocks,
            beside=folder_of(request_file),
            quality=quality or "high",
            output=output,
            refresh=refresh,
        )
    typer.echo(result.model_dump_json())
