"""The garbage collector around imports: a quarter of the start-up is spent on looking through modules that never go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (20_000, 20, 50)
"""Rarer than by default: with a large fleet in memory a full collection stops the screen for most of a second."""


@contextmanager
def imports_kept() -> Iterator[None]:
    """Nothing is collected within, and what was made within is not looked through ever after."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.enable()
