"""Measured side by side in one run, medians of interleaved repeats."""
