"""The block that gateways sign with."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite

from blocks.gateway_identity import GatewayIdentity
from blocks.saved import saved
from ltxv.errors import Misconfigured


class TestGatewayIdentityStandard(BlockStandardTestSuite):
    """What Prefect asks of every block."""

    @pytest.fixture
    def block(self) -> type[Block]:
        return GatewayIdentity

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The logo is on the web; Prefect's own test would open it, tests here stay offline."""
        logo = urlsplit(str(block._logo_url))
        assert logo.scheme == "https"
        assert logo.hostname


def test_every_gateway_of_a_house_has_the_same(prefect_server: None) -> None:
    """The default is made at its first use and kept; no other name makes one by mistake."""
    with suppress(ValueError):
        GatewayIdentity.delete("ltx-gateway-identity/default")
    first, second = saved(GatewayIdentity, "default"), saved(GatewayIdentity, "default")
    assert first.secret == second.secret
    assert first.webhook_key == second.webhook_key
    assert first.secret.get_secret_value() not in repr(first)
    with pytest.raises(Misconfigured):
        saved(GatewayIdentity, "defalut")
