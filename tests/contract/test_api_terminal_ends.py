"""The recorded ends of terminals are judged as what they were."""

from __future__ import annotations

from typing import Any

import pytest

from agentdash.api.terminal import EndKind, TerminalClose, judge_end

# What had happened, with the agent's status as it was read afterwards.
ENDS = {
    "2026-08/pty/screen-exit.jsonl": ("connected", EndKind.EXITED),
    "2026-08/pty/command.jsonl": ("connected", EndKind.EXITED),
    "2026-08/pty/container-missing.jsonl": ("connected", EndKind.REFUSED),
    "2026-08/pty/text-frames.jsonl": ("connected", EndKind.UNKNOWN),
    "2026-08/freeze/pty.jsonl": ("disconnected", EndKind.AGENT_LOST),
    "2026-08/freeze/pty-new-while-connected.jsonl": ("connected", EndKind.LOST),
}


def close_of(stream: Any) -> TerminalClose:
    end = next((row for row in stream.rows if "close" in row), None)
    opened = next(row["t"] for row in stream.rows if "open" in row)
    output = b"".join(stream.received())
    assert end is not None
    return TerminalClose(
        code=end["close"]["code"],
        reason=end["close"].get("reason") or "",
        had_output=bool(output),
        lasted_s=end["t"] - opened,
        said_end=b"[screen is terminating]" in output[-256:],
        ran_command="command=&" not in stream.path and "command=" in stream.path,
    )


def test_each_recorded_end_is_judged(stream: Any) -> None:
    expected = ENDS.get(stream.name)
    if expected is None:
        return
    status, kind = expected
    assert judge_end(close_of(stream), status).kind is kind


@pytest.mark.parametrize("name", ENDS)
def test_the_recordings_are_there(name: str, request: pytest.FixtureRequest) -> None:
    assert (request.path.parent / "data" / name).exists()
