"""Content Credentials of a real mp4, and every way it can be changed afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest

from ltxv import credentials
from ltxv.errors import Misconfigured, Refused
from ltxv.inspection import inspect_clip
from ltxv.media.write import write_video
from ltxv.signing_identity import DEVELOPMENT, SigningIdentity, development_identity
from tests.conftest import SAMPLES

CLAIMS: dict[str, Any] = {
    "generator": "LTX Flows 0",
    "model": {"checkpoint": "tiny"},
    "seed": 7,
    "signed": True,
    "ai_generated": True,
    "request": {
        "prompt": "a cat",
        "media": [{"kind": "image", "sha256": "ab" * 32, "start_frame_num": 8}],
    },
}


@pytest.fixture(scope="module")
def identity() -> SigningIdentity:
    """A development identity."""
    return development_identity()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, identity: SigningIdentity) -> Path:
    """A folder with a clip of ours, `plain.mp4`, and it signed, `signed.mp4`."""
    folder = tmp_path_factory.mktemp("clips")
    noise = np.random.default_rng(0).integers(0, 255, (9, 64, 64, 3), dtype=np.uint8)
    write_video(noise, folder / "plain.mp4", frame_rate=24, comment=json.dumps(CLAIMS))
    credentials.sign(folder / "plain.mp4", folder / "signed.mp4", claims=CLAIMS, identity=identity)
    return folder


def test_a_signed_clip_holds_and_its_signer_is_no_trusted_one(clips: Path) -> None:
    """The development identity is named as what it is; the claims are those that were signed."""
    found = credentials.check(clips / "signed.mp4")
    assert (found.state, found.problems) == ("valid", ())
    assert found.signed_by == DEVELOPMENT
    assert found.trusted is False
    assert found.claims == CLAIMS


def test_an_authority_that_is_trusted_vouches(clips: Path, identity: SigningIdentity) -> None:
    """With the issuer's certificate at hand the signer is trusted; with another's it is not."""
    root = identity.certificate[identity.certificate.rindex("-----BEGIN") :]
    other = development_identity().certificate
    stranger = other[other.rindex("-----BEGIN") :]
    assert credentials.check(clips / "signed.mp4", trust=root).trusted is True
    assert credentials.check(clips / "signed.mp4", trust=stranger).trusted is False


def test_any_changed_byte_is_found(clips: Path, tmp_path: Path) -> None:
    """Wherever a byte of the file is changed, tags, pictures or the signature, it shows."""
    content = (clips / "signed.mp4").read_bytes()
    places = {
        *range(128),
        *range(128, len(content), 89),
        *range(len(content) - 50, len(content)),
    }
    unnoticed = []
    for place in sorted(places):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "changed.mp4").write_bytes(changed)
        found = credentials.check(tmp_path / "changed.mp4")
        if found.state == "valid":
            unnoticed.append(place)
        elif found.state == "absent":  # the file itself says that there must be some
            assert inspect_clip(tmp_path / "changed.mp4").credentials.state == "invalid"
    assert unnoticed == []


def test_the_manifest_says_ai_and_names_media_by_digest(clips: Path) -> None:
    """Other tools read from it that AI made the clip, and from which media."""
    content = (clips / "signed.mp4").read_bytes()
    assert b"c2pa.created" in content
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in content
    assert b"sha256:" + b"ab" * 32 in content
    assert b"conditioning image at frame 8" in content


def test_a_clip_without_a_signature_is_no_error(clips: Path, tmp_path: Path) -> None:
    """One that was never signed is `absent`; one whose signature was cut out is `invalid`."""
    assert inspect_clip(clips / "plain.mp4").credentials.state == "invalid"
    unsigned = json.dumps({**CLAIMS, "signed": False})
    frames = np.zeros((9, 64, 64, 3), dtype=np.uint8)
    write_video(frames, tmp_path / "a.mp4", frame_rate=24, comment=unsigned)
    found = inspect_clip(tmp_path / "a.mp4")
    assert (found.credentials.state, found.seed) == ("absent", 7)


@pytest.mark.parametrize("name", ["bunny.mp4", "cat.jpg", "none.mp4"])
def test_a_file_that_is_not_ours_is_refused(name: str) -> None:
    """The error names the file."""
    with pytest.raises(Refused, match=name.partition(".")[0]):
        inspect_clip(SAMPLES / name)


def test_an_identity_that_cannot_sign_says_so(identity: SigningIdentity) -> None:
    """A key of another certificate and text that is no PEM are the operator's to mend."""
    other = development_identity()
    with pytest.raises(Misconfigured, match="not that of the certificate"):
        SigningIdentity(identity.certificate, other.key).fingerprint()
    with pytest.raises(Misconfigured, match="not readable") as caught:
        SigningIdentity(identity.certificate, "secret text").fingerprint()
    assert "secret text" not in str(caught.value) + str(caught.value.__cause__)
    assert len(identity.fingerprint()) == 64


def test_a_timestamp_authority_that_is_away_is_the_operators(
    clips: Path, identity: SigningIdentity, tmp_path: Path
) -> None:
    """Where no time stamp can be had, the clip is not signed without one."""
    with pytest.raises(Misconfigured, match="timestamp authority"):
        credentials.sign(
            clips / "plain.mp4",
            tmp_path / "a.mp4",
            claims=CLAIMS,
            identity=identity,
            timestamp_authority="http://127.0.0.1:9",
        )


@pytest.mark.parametrize("claims", [0, "a cat", [1], None, {}])
def test_whatever_somebody_signed_under_our_label_is_no_crash(
    clips: Path, tmp_path: Path, identity: SigningIdentity, claims: Any
) -> None:
    """Another program's manifest may say anything; the clip's own tags still count."""
    info = c2pa.C2paSignerInfo(b"es256", identity.certificate.encode(), identity.key.encode(), None)
    created = {"action": "c2pa.created", "digitalSourceType": credentials._AI_GENERATED}
    manifest = {
        "claim_generator_info": [{"name": "another", "version": "1"}],
        "format": "video/mp4",
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": credentials.CLAIMS, "data": claims},
        ],
    }
    file = tmp_path / "clip.mp4"
    settings = {"verify": {"verify_trust": False}}
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(json.dumps(manifest), context=context) as draft,
        (clips / "plain.mp4").open("rb") as source,
        file.open("w+b") as target,
    ):
        draft.sign(signer, "video/mp4", source, target)
    found = inspect_clip(file)
    assert found.request == CLAIMS["request"]
    assert found.credentials.state == "invalid"
    assert "checksum" in found.credentials.problems[0]
