"""The embedded ``tiny`` checkpoint: real geometry, a few megabytes, runs on a CPU.

``python -m ltxv.tiny FOLDER`` writes it anew.
"""
