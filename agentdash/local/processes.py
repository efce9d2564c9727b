"""Starting and ending child processes so that nothing outlives the embedded deployment.

Everything started here leads a session of its own (setsid), so that its whole family can be found again by the
session id, re-parented background jobs included. Only a process that made itself another session escapes.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import psutil

GRACE_S = 1.0
_POLL_S = 0.02
_HIDDEN_NAMES = frozenset({"CODER_URL", "CODER_HEADER", "CODER_HEADER_COMMAND"})
_HIDDEN_WORDS = ("CODER_SESSION_TOKEN", "CODER_AGENT_TOKEN", "AGENTDASH_")


def child_environment(base: Mapping[str, str], **more: str) -> dict[str, str]:
    """`base` without anything that belongs to this program or logs in to a deployment, and with `more`."""
    kept = {
        name: value
        for name, value in base.items()
        if name not in _HIDDEN_NAMES and not name.startswith(_HIDDEN_WORDS)
    }
    return kept | more


def login_shell() -> tuple[str, str, str]:
    """(shell, user name, home) of the user who runs this process (contract: pty.md §9.3)."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return os.environ.get("SHELL", "/bin/sh"), str(os.getuid()), os.environ.get("HOME", "/")
    return entry.pw_shell or os.environ.get("SHELL", "/bin/sh"), entry.pw_name, entry.pw_dir


def session_processes(session_id: int) -> list[psutil.Process]:
    """All live processes of a session, this process never among them. Blocking: walks all processes."""
    found = []
    for pid in psutil.pids():
        try:
            if pid != os.getpid() and os.getsid(pid) == session_id:
                found.append(psutil.Process(pid))
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


async def end_session(session_id: int, *, grace_s: float = GRACE_S) -> None:
    """End every process of a session: a polite signal first, kill what is left after `grace_s` seconds."""
    await asyncio.to_thread(_end_session, session_id, grace_s)


async def end_processes(processes: Sequence[psutil.Process], *, grace_s: float = GRACE_S) -> None:
    """End these processes; a process id that belongs to somebody else by now is left alone."""
    if processes:
        await asyncio.to_thread(_end, list(processes), grace_s)


def _end_session(session_id: int, grace_s: float) -> None:
    _end(session_processes(session_id), grace_s)
    # A process that forked while it was being ended has left a child behind.
    _end(session_processes(session_id), 0)


def _end(processes: list[psutil.Process], grace_s: float) -> None:
    for process in processes:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
            _quietly(process.send_signal, number)
    deadline = time.monotonic() + grace_s
    # psutil's own wait would reap our children behind asyncio's back.
    alive = [process for process in processes if _is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        alive = [process for process in alive if _is_alive(process)]
    for process in alive:
        _quietly(process.kill)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _quietly(call: Callable[..., object], *args: object) -> None:
    try:
        call(*args)
    except psutil.Error:
        return
