"""The block that signs in its operator's name."""

from __future__ import annotations

import subprocess
import sys
import uuid
from urllib.parse import urlsplit

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import ValidationError

from blocks.content_credentials import ContentCredentials
from blocks.saved import saved
from ltxv.errors import Misconfigured


class TestContentCredentialsStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return ContentCredentials

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        logo = urlsplit(str(block._logo_url))
        assert logo.scheme == "https"
        assert logo.hostname


def test_an_identity_is_made_at_the_first_use_and_kept(prefect_server: None) -> None:
    """A block saved without one has the same development identity in every run."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    ContentCredentials().save(name)
    first, second = saved(ContentCredentials, name), saved(ContentCredentials, name)
    assert first.identity is not None
    assert first.identity == second.identity
    assert saved(ContentCredentials, "default").identity not in {None, first.identity}


def test_the_key_shows_nowhere() -> None:
    """Not in the block's text, its JSON or the identity that cache keys are made of."""
    block = ContentCredentials().with_development_identity()
    assert block.key is not None
    key = block.key.get_secret_value()
    secret = key.splitlines()[1]
    shown = [repr(block), str(block), block.model_dump_json(), str(block.identity)]
    assert not any(secret in text for text in [*shown, repr(block._identity)])


def test_signing_can_be_switched_off() -> None:
    """Then nobody signs, and no identity is asked for."""
    block = ContentCredentials(sign=False)
    assert block.identity is None
    assert not block.lacks_identity


def test_half_an_identity_is_refused() -> None:
    """A certificate without its key cannot be saved, and neither does nobody sign."""
    certificate = ContentCredentials().with_development_identity().certificate
    with pytest.raises(ValidationError, match="belong together"):
        ContentCredentials(certificate=certificate)
    with pytest.raises(Misconfigured, match="no certificate and key"):
        _ = ContentCredentials().identity


def test_the_identity_changes_with_the_signer() -> None:
    """Another signer or time stamp is another cache key."""
    block = ContentCredentials().with_development_identity()
    other = ContentCredentials().with_development_identity()
    stamped = block.model_copy(update={"timestamp_authority": "https://time.example"})
    assert len({block.identity, other.identity, stamped.identity}) == 3


def test_importing_the_block_loads_nothing_heavy() -> None:
    """Prefect's server and CLI import blocks; they get no C2PA library."""
    code = "import sys, blocks.saved; sys.exit('c2pa' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
