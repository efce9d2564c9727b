"""A shell in words by which it is told from the others of its agent: in the list, in titles, in questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agentdash.feed.shell_status import LIFETIME_S, ShellState
from agentdash.feed.shells import Shell
from agentdash.present.times import age_word, countdown
from agentdash.text.safe import clean

WORD_LIMIT = 60
PLAIN = "login shell"


def number_of(shell: Shell, mine: Sequence[Shell]) -> str:
    """`2/3` among the shells of its agent; empty if it is the only one."""
    return f"{mine.index(shell) + 1}/{len(mine)}" if len(mine) > 1 and shell in mine else ""


def program(shell: Shell) -> str:
    """The program's title, and the command, container and user it was opened with; empty if none of them is known."""
    words = [clean(shell.emulator.title, WORD_LIMIT), clean(shell.target.where, WORD_LIMIT)]
    return "  ".join(dict.fromkeys(word for word in words if word))


def since(shell: Shell) -> datetime:
    """When its state began; of one that is detached, when somebody was attached last."""
    return shell.seen_at if shell.status.state is ShellState.DETACHED else shell.status.since


def time_in_state(shell: Shell, now: datetime) -> str:
    """How long it has been so, in coarse steps."""
    word = age_word(since(shell), now)
    return "<10s" if word == "now" else word


def says(shell: Shell, now: datetime) -> str:
    """What is to be said of its state; empty while all is well.

    Args:
        now: Local time.
    """
    status = shell.status
    if status.state is ShellState.DETACHED:
        ends = countdown(shell.seen_at + timedelta(seconds=LIFETIME_S), now)
        return f"not attached: ends in {ends} unless enter goes back to it"
    if status.state is ShellState.CONNECTED:
        return status.sentence or shell.advice
    sentence = status.sentence or str(status.state)
    return sentence if status.retry_at is None else f"{sentence}; again in {countdown(status.retry_at, now)}"


def whole(shell: Shell, mine: Sequence[Shell], now: datetime) -> str:
    """All of it in a line: where, which, what, its state and for how long.

    Args:
        mine: The shells of its agent.
        now: Local time.
    """
    number = number_of(shell, mine)
    where = f"{shell.target.label} {number}".rstrip()
    return f"{where}: {program(shell) or PLAIN}, {shell.status.state} {time_in_state(shell, now)}"
