"""The one door to the network for media that strangers name.

``fetch`` brings the bytes behind an http, https or data URL into a file. What it defends against,
and where: addresses that are not public (``address``), names that change their address between
check and connection (``connect``), odd URLs (``location``), oversized or endless bodies
(``intake``) and servers that redirect in circles, lie or dawdle (``download``). It cannot know of
services inside the operator's network that listen on public addresses: close those with a firewall.
"""

from blocks.internet.download import fetch
from blocks.internet.errand import FetchLimits
from blocks.internet.intake import Fetched

__all__ = ["FetchLimits", "Fetched", "fetch"]
