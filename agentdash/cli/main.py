"""Entry point."""

from __future__ import annotations


def run() -> int:
    """Parse arguments and run."""
    return 0
