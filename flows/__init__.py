"""Stages in order: Prefect flows."""
