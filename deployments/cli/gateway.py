"""``ltx gateway``: the hosted endpoint's protocol in front of one's own GPUs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from blocks.gateway_identity import GatewayIdentity
from blocks.media_store import MediaStore
from blocks.saved import DEFAULT, saved
from deployments.cli.options import option
from deployments.cli.server import reach_server
from deployments.submit import DEFAULT_DEPLOYMENT, deployment_of
from ltxv.errors import Misconfigured

if TYPE_CHECKING:
    from deployments.gateway.house import House
    from deployments.gateway.serve import Listening

_PREFECT_RETRIES = 3
"""A restart of the Prefect server is waited for, some 15 seconds; then the caller is told."""


def gateway(  # noqa: PLR0917 - typer reads the options off the signature
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's need keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8080,
    store: Annotated[
        str | None,
        option("Saved LTX Media Store block; the deployment's if left out, else `default`."),
    ] = None,
    deployment: Annotated[
        str, typer.Option(help="Deployment of generate-video that makes the videos.")
    ] = DEFAULT_DEPLOYMENT,
    endpoint: Annotated[
        list[str] | None,
        option(
            "Also answer for a sibling, such as fal-ai/ltxv-13b-098-distilled, by a deployment of "
            "its checkpoint; as often as needed.",
            metavar="ID=DEPLOYMENT",
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        option("Address that clients use, if a proxy is in front.", metavar="URL"),
    ] = None,
    tls_cert: Annotated[
        Path | None, option("Certificate with its chain, PEM; serves https.", metavar="FILE")
    ] = None,
    tls_key: Annotated[
        Path | None, option("Private key of the certificate, PEM.", metavar="FILE")
    ] = None,
    origin: Annotated[
        list[str] | None,
        option("Web page that may call it, as often as needed; any if left out.", metavar="ORIGIN"),
    ] = None,
    allow_private_webhooks: Annotated[
        bool,
        typer.Option("--allow-private-webhooks", help="Send results to private addresses as well."),
    ] = False,
) -> None:
    """Serve the hosted endpoint's HTTP protocol, so that its clients use your GPUs.

    Needs PREFECT_API_URL, `ltx deploy`, and a worker somewhere (`ltx worker`). Prefect is the queue
    and the store keeps the results: it may be stopped and started at any time. Make keys for its
    callers with `ltx keys`. docs/gateway.md has the line that each client changes.

    \b
    ltx gateway
    ltx gateway --host 0.0.0.0 --port 443 --tls-cert cert.pem --tls-key key.pem
    """  # noqa: D301 - the \b tells the help to keep the lines below as they are
    from deployments.gateway.serve import Listening, server_of  # noqa: PLC0415 - for --help

    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("give both or neither", param_hint="--tls-cert, --tls-key")
    listening = Listening(host=host, port=port, cert=tls_cert, key=tls_key)
    made = _house(
        deployment=deployment,
        siblings=[_pair(one) for one in endpoint or ()],
        store=store,
        listening=listening,
        public_url=public_url,
        origins=tuple(origin or ("*",)),
        allow_private_webhooks=allow_private_webhooks,
    )
    server = server_of(made, listening)
    with listening.opened() as listener:
        at = f"{listening.scheme}://{_shown(host)}:{listener.getsockname()[1]}"
        print(f"Listening on {at}; {deployment} makes the videos", file=sys.stderr, flush=True)
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: _PREFECT_RETRIES}):
            server.run(sockets=[listener])


def _house(
    *,
    deployment: str,
    siblings: Sequence[tuple[str, str]],
    store: str | None,
    listening: Listening,
    public_url: str | None,
    origins: tuple[str, ...],
    allow_private_webhooks: bool,
) -> House:
    """Return what the gateway works with; all of it has to be there.

    Raises:
        Misconfigured: Prefect or the store is not there, or others than this machine could ask
            without a key.
        Refused: There is no such deployment.
    """
    from deployments.gateway.access.allowance import Allowance  # noqa: PLC0415 - for --help
    from deployments.gateway.access.key_ring import KeyRing  # noqa: PLC0415
    from deployments.gateway.access.seal import Seal  # noqa: PLC0415
    from deployments.gateway.endpoint_ids import endpoints_of  # noqa: PLC0415
    from deployments.gateway.house import House  # noqa: PLC0415
    from deployments.gateway.webhooks.key import WebhookKey  # noqa: PLC0415

    if not PREFECT_API_URL.value():
        raise Misconfigured(
            "a gateway needs the Prefect server of its workers; run `prefect server start` and set "
            "PREFECT_API_URL to its address"
        )
    reach_server()
    made_by = deployment_of(deployment)
    kept = saved(MediaStore, store or made_by.parameters.get("store", DEFAULT))
    keys = KeyRing(kept, needs_keys=not _is_here(listening.host) or public_url is not None)
    if not _is_here(listening.host) and not keys.has_keys():
        raise Misconfigured(
            f"others than this machine could ask at {listening.host}, and there are no keys; make "
            "one with `ltx keys create NAME`, or listen on 127.0.0.1"
        )
    endpoints = endpoints_of(made_by)
    for family, made_there in siblings:
        endpoints |= endpoints_of(deployment_of(made_there), family)
    identity = saved(GatewayIdentity, DEFAULT)
    return House(
        store=kept,
        endpoints=endpoints,
        keys=keys,
        allowance=Allowance(keys),
        seal=Seal(identity.secret.get_secret_value()),
        webhook_key=WebhookKey(identity.webhook_key.get_secret_value()),
        public_address=public_url,
        origins=origins,
        allow_private_webhooks=allow_private_webhooks,
    )


def _pair(text: str) -> tuple[str, str]:
    family, _, deployment = text.partition("=")
    if not family or not deployment:
        raise typer.BadParameter("give it as ID=DEPLOYMENT", param_hint="--endpoint")
    return family, deployment


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
