"""Words that agents use towards the server (contract: agent-side.md §7, §8)."""

from __future__ import annotations

from typing import Final

LOG_LEVELS: Final = ("trace", "debug", "info", "warn", "error")
APP_STATES: Final = ("working", "idle", "complete", "failure")
MAX_APP_MESSAGE: Final = 160
"""Bytes of an app status message."""
EXTERNAL_SOURCE_ID: Final = "3b579bf4-1ed8-4b99-87a8-e9a1e3410410"
"""Log source of rows that name none."""
