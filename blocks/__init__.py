"""What an operator configures and saves: Prefect blocks.

Prefect imports this package through its entry point to learn of them, so it must stay light.
"""

from blocks.captioner import Captioner
from blocks.content_credentials import ContentCredentials
from blocks.gateway_identity import GatewayIdentity
from blocks.local_moderator import LocalModerator
from blocks.ltx_model import LTXModel
from blocks.media_store import MediaStore
from blocks.prompt_expander import PromptExpander
from blocks.safety_checker import SafetyChecker
from blocks.text_moderator import TextModerator

__all__ = [
    "Captioner",
    "ContentCredentials",
    "GatewayIdentity",
    "LTXModel",
    "LocalModerator",
    "MediaStore",
    "PromptExpander",
    "SafetyChecker",
    "TextModerator",
]
