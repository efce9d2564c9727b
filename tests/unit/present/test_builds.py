from __future__ import annotations

import pytest

from agentdash.present.builds import build_words
from tests.unit.model_factory import make_build


@pytest.mark.parametrize(
    ("transition", "status", "words"),
    [
        ("start", "running", "#7 started"),
        ("start", "starting", "#7 starting"),
        ("stop", "stopped", "#7 stopped"),
        ("stop", "pending", "#7 stop queued"),
        ("start", "failed", "#7 start failed"),
        ("delete", "canceling", "#7 delete being cancelled"),
        ("start", "canceled", "#7 start cancelled"),
        ("delete", "deleted", "#7 deleted"),
        ("start", "newer than this program", "#7 newer than this program"),
        ("start", "{", "#7 {"),
        ("", "", "#7"),
    ],
)
def test_a_build_in_words(transition: str, status: str, words: str) -> None:
    assert build_words(make_build(number=7, transition=transition, status=status)) == words
