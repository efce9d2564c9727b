"""The collector is off within and on after, whatever happens."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from agentdash.cli.collector import THRESHOLDS, imports_kept


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def test_it_is_off_within_and_on_after() -> None:
    with imports_kept():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 0


def test_it_is_on_again_after_a_failure() -> None:
    with pytest.raises(ImportError), imports_kept():
        raise ImportError
    assert gc.isenabled()
