"""Pictures are taken in a home of the test's own, as all tests of screens are."""

from __future__ import annotations

from tests.ui.conftest import own_home

__all__ = ["own_home"]
