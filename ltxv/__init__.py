"""LTX-Video's two-pass, multi-conditioned generation: the model and its arithmetic.

This package knows no Prefect and serves no HTTP. Only ``ltxv.model`` imports torch.
"""

__version__ = "0.1.0"
