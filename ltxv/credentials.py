"""C2PA Content Credentials: signed into a clip, and held against it again.

The signature covers the clip, its tags and what is said of it here. C2PA leaves a few boxes of an
mp4 out of its hash; the digest of those is part of what is signed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import c2pa
from pydantic import Field

from ltxv import __version__
from ltxv.errors import Misconfigured
from ltxv.frozen import Frozen
from ltxv.media.boxes import boxes, content
from ltxv.signing_identity import SigningIdentity

CLAIMS = "ltx-flows.generation"
"""Label of the assertion that has what the file's comment has."""

_MP4 = "video/mp4"
_AI_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_UNHASHED = (b"ftyp", b"free", b"skip", b"mfra")
_UNTRUSTED = "signingCredential.untrusted"
_HOLDS = ("Valid", "Trusted")
# Space for a time stamp, which C2PA asks to be zeros: a byte string named "pad".
_PADDING = re.compile(rb"\x63pad(?:\x58(?P<short>.)|\x59(?P<long>..))", re.DOTALL)
_VERSION_AND_FLAGS = slice(24, 28)
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
            c2pa.Builder(json.dumps(_manifest(claims, _unhashed(file))), context=context) as draft,
            file.open("rb") as source,
            target.open("w+b") as signed,
        ):
            draft.sign(signer, _MP4, source, signed)
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


def _manifest(claims: Mapping[str, Any], unhashed: str) -> dict[str, Any]:
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
            {"label": CLAIMS, "data": {"claims": claims, "unhashed_boxes": unhashed}},
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
    manifest = found["manifests"][found["active_manifest"]]
    said = [a["data"] for a in manifest.get("assertions", ()) if a["label"] == CLAIMS]
    problems = _problems(found)
    if said and said[0].get("unhashed_boxes") != _unhashed(file):
        problems.append("boxes of the file that the clip's hash leaves out were changed")
    if not _is_padded_with_zeros(file):
        problems.append("the room around the signature was changed")
    holds = found.get("validation_state") in _HOLDS and not problems
    signature = manifest.get("signature_info", {})
    names = dict.fromkeys(signature.get(part) for part in ("common_name", "issuer"))
    return Credentials(
        state="valid" if holds else "invalid",
        signed_by=", ".join(name for name in names if name) or None,
        trusted=holds and found["validation_state"] == "Trusted",
        problems=tuple(problems),
        claims=said[0].get("claims") if said else None,
    )


def _problems(found: Mapping[str, Any]) -> list[str]:
    """Return what C2PA's own checks found, an unknown signer left out."""
    failures = found.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    return [
        f"{failure.get('explanation', '')} ({failure['code']})"
        for failure in failures
        if failure["code"] != _UNTRUSTED
    ]


def _unhashed(file: Path) -> str:
    digest = hashlib.sha256()
    for box in boxes(file):
        if box.kind in _UNHASHED:
            digest.update(content(file, box))
    return digest.hexdigest()


def _is_padded_with_zeros(file: Path) -> bool:
    for box in boxes(file):
        if box.kind != b"uuid":
            continue
        manifest = content(file, box)
        if any(manifest[_VERSION_AND_FLAGS]):
            return False
        for pad in _PADDING.finditer(manifest):
            size = int.from_bytes(pad["short"] or pad["long"])
            if any(manifest[pad.end() : pad.end() + size]):
                return False
    return True
