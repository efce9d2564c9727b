"""Foreign bytes become harmless text: here and nowhere else."""

from __future__ import annotations

from agentdash.text.safe import clean, clean_block

__all__ = ["clean", "clean_block"]
