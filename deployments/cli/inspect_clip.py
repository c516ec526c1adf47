"""``ltx inspect``: what made a clip, and whether its signature holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltxv.errors import LTXError, Refused


class SignatureBroken(LTXError):
    """The clip is not what was signed."""


def inspect_clip(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An mp4 that LTX Flows made.")],
    trust: Annotated[
        Path | None,
        typer.Option(
            help="Certificates, PEM, of the authorities you trust.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print what made a clip, as JSON, and whether its Content Credentials hold.

    Exit code 1 if the file was changed after it was signed.
    """
    from ltxv import inspection  # noqa: PLC0415 - loads the C2PA library

    found = inspection.inspect_clip(file, trust=None if trust is None else _text(trust))
    typer.echo(found.model_dump_json(indent=2))
    if found.credentials.state == "invalid":
        problems = "; ".join(found.credentials.problems) or "the signature is not valid"
        raise SignatureBroken(f"{file} was changed after it was signed: {problems}")


def _text(trust: Path) -> str:
    """Return the certificates in a file.

    Raises:
        Refused: There are none.
    """
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - rarely needed

    try:
        text = trust.read_text()
        load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as error:
        raise Refused.because(
            ("--trust",), f"{trust} has no certificates; give them as PEM", type="value_error"
        ) from error
    return text
