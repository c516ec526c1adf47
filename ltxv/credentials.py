"""C2PA Content Credentials: signed into a clip, and held against it again.

The signature covers the clip, its tags and what is said of it here. C2PA's hash leaves out what
changes neither, such as the file's type and the room around the signature; a checksum at the end
of the file, which is no proof against intent, shows accidents there too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import c2pa
from pydantic import Field

from ltxv import __version__
from ltxv.errors import Misconfigured
from ltxv.frozen import Frozen
from ltxv.media.checksum import add_checksum, checksum_holds
from ltxv.signing_identity import SigningIdentity

CLAIMS = "ltx-flows.generation"
"""Label of the assertion that has what the file's comment has."""

_MP4 = "video/mp4"
_AI_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_UNTRUSTED = "signingCredential.untrusted"
_HOLDS = ("Valid", "Trusted")
# A stranger's file must not make us fetch anything.
_OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False}


class Credentials(Frozen):
    """Whether a clip's signature holds, and whose it is."""

    state: Literal["valid", "invalid", "absent"]
    signed_by: str | None = Field(default=None, description="Whom the certificate names.")
    trusted: bool = Field(default=False, description="Whether an authority we trust vouches.")
    problems: tuple[str, ...] = ()
    claims: Mapping[str, Any] | None = Field(
        default=None, exclude=True, description="What is signed about how the clip was made."
    )


def sign(
    file: Path,
    target: Path,
    *,
    claims: Mapping[str, Any],
    identity: SigningIdentity,
    timestamp_authority: str | None = None,
) -> None:
    """Write a signed copy of an mp4.

    Args:
        file: The clip.
        target: The signed clip.
        claims: How it was made, as in its comment.
        identity: Who signs.
        timestamp_authority: URL of an RFC 3161 server that proves when; none if left out.

    Raises:
        Misconfigured: It cannot be signed.
    """
    identity.fingerprint()
    info = c2pa.C2paSignerInfo(
        b"es256", identity.certificate.encode(), identity.key.encode(), timestamp_authority
    )
    try:
        with (
            c2pa.Context.from_dict({"verify": {**_OFFLINE, "verify_trust": False}}) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(_manifest(claims)), context=context) as draft,
            file.open("rb") as source,
            target.open("w+b") as signed,
        ):
            draft.sign(signer, _MP4, source, signed)
        add_checksum(target)
    except (c2pa.C2paError, OSError) as error:
        raise Misconfigured(
            f"the clip cannot be signed: {error}; check the Content Credentials block's "
            "certificate, key and timestamp authority, or switch signing off there"
        ) from error


def check(file: Path, *, trust: str | None = None) -> Credentials:
    """Say whether the Content Credentials of an mp4 hold.

    Args:
        file: The clip.
        trust: Certificates, PEM, of the authorities that are trusted; none if left out.

    Raises:
        OSError: The file cannot be read.
    """
    settings: dict[str, Any] = {"verify": {**_OFFLINE, "verify_trust": True}}
    if trust is not None:
        settings["trust"] = {"trust_anchors": trust}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            file.open("rb") as source,
            c2pa.Reader(_MP4, source, context=context) as reader,
        ):
            found: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return Credentials(state="absent")
    except (c2pa.C2paError, ValueError) as error:
        return Credentials(state="invalid", problems=(f"the credentials are damaged: {error}",))
    return _judged(found, file)


def _manifest(claims: Mapping[str, Any]) -> dict[str, Any]:
    agent = {"name": "LTX Flows", "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _AI_GENERATED,
        "softwareAgent": agent,
    }
    media: Sequence[Mapping[str, Any]] = claims["request"]["media"]
    return {
        "claim_generator_info": [agent],
        "format": _MP4,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": CLAIMS, "data": claims},
        ],
        "ingredients": [
            {
                "title": f"conditioning {item['kind']} at frame {item['start_frame_num']}",
                "instance_id": f"sha256:{item['sha256']}",
                "relationship": "inputTo",
            }
            for item in media
        ],
    }


def _judged(found: Mapping[str, Any], file: Path) -> Credentials:
    manifest = found.get("manifests", {}).get(found.get("active_manifest"))
    if manifest is None:
        return Credentials(state="invalid", problems=("the credentials name no manifest",))
    # Whoever holds a key can sign whatever they like under our label.
    ours = [each for each in manifest.get("assertions") or () if each.get("label") == CLAIMS]
    said = [each["data"] for each in ours if isinstance(each.get("data"), dict)]
    problems = _problems(found)
    if ours and not problems and not checksum_holds(file):
        problems.append("the checksum at the file's end is not that of the file")
    holds = found.get("validation_state") in _HOLDS and not problems
    signature = manifest.get("signature_info") or {}
    names = dict.fromkeys(signature.get(part) for part in ("common_name", "issuer"))
    return Credentials(
        state="valid" if holds else "invalid",
        signed_by=", ".join(name for name in names if name) or None,
        trusted=holds and found["validation_state"] == "Trusted",
        problems=tuple(problems),
        claims=said[0] if said else None,
    )


def _problems(found: Mapping[str, Any]) -> list[str]:
    """Return what C2PA's own checks found, an unknown signer left out."""
    failures = found.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    return [
        f"{failure.get('explanation', '')} ({failure['code']})"
        for failure in failures
        if failure["code"] != _UNTRUSTED
    ]
