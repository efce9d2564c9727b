"""The gate of state/: every string of the network goes through here on its way into the model."""

from __future__ import annotations

from agentdash.text.safe import clean

NAME_LIMIT = 256
"""Longest name shown; Coder's own are far shorter."""
SENTENCE_LIMIT = 2048


def name(raw: str) -> str:
    """One name or short value: a version, an id, a host."""
    return clean(raw, NAME_LIMIT)


def sentence(raw: str) -> str:
    """One line of prose: a reason, a message."""
    return clean(" ".join(raw.split()), SENTENCE_LIMIT)
