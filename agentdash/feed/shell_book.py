"""The ids of open shells on disk, so that the next start of this program finds its way back to them.

Who knows an id and may connect to the agent is in the shell, so the file is for this user only. A session without a
client lives for five minutes (contract: pty.md §9), and so do its lines in the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agentdash.feed.shell_status import LIFETIME_S, Target
from agentdash.state.events import BuildInfoRead, Event

log = logging.getLogger(__name__)

VERSION = 1
LARGEST = 1_000_000
"""Bytes of a file that are read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A shell that may still be there.

    Attributes:
        id: Its reconnect id.
        target: Where it runs.
        seen_at: When somebody was attached last.
        owner: Which running program has it, see `this_program`.
    """

    id: str
    target: Target
    seen_at: datetime
    owner: str


def this_program() -> str:
    """Name of this process among all that may share the folder."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_alive(owner: str) -> bool:
    """Whether a program still runs; one on another machine may."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return host != socket.gethostname()
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


class ShellBook:
    """The file of one deployment.

    Args:
        folder: Where the files are; made when there is something to write.
        deployment: Id of the deployment.
        owner: Name of this program.
    """

    def __init__(self, folder: Path, deployment: str, owner: str = "") -> None:
        name = hashlib.sha256(deployment.encode()).hexdigest()[:20]
        self._path = folder / f"{name}.json"
        self._owner = owner or this_program()

    def take(self, now: datetime) -> tuple[Kept, ...]:
        """Shells whose program has ended less than five minutes ago; they are this program's from now on.

        Never raises: a file that cannot be read holds nothing.
        """
        try:
            with self._locked():
                kept = self._read(now)
                free = tuple(one for one in kept if not is_alive(one.owner))
                if free:
                    others = [one for one in kept if one not in free]
                    self._replace([*others, *(replace(one, owner=self._owner) for one in free)])
        except OSError as error:
            log.warning("the list of open shells cannot be read: %s", error.strerror)
            return ()
        return free

    def keep(self, shells: Sequence[Kept], now: datetime) -> None:
        """Write this program's shells, leaving those of others as they are. Never raises."""
        try:
            if not shells and not self._path.exists():
                return
            with self._locked():
                others = [one for one in self._read(now) if one.owner != self._owner]
                self._replace([*others, *(replace(one, owner=self._owner) for one in shells)])
        except OSError as error:
            log.warning("the list of open shells cannot be kept: %s", error.strerror)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path.parent / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self, now: datetime) -> list[Kept]:
        try:
            with self._path.open("rb") as file:
                value = json.loads(file.read(LARGEST))
        except FileNotFoundError:
            return []
        except ValueError:
            return []
        rows = value.get("shells") if isinstance(value, dict) and value.get("version") == VERSION else None
        found = [kept for row in rows or () if (kept := _kept(row)) is not None]
        oldest = now - timedelta(seconds=LIFETIME_S)
        return [one for one in found if one.seen_at > oldest]

    def _replace(self, shells: Sequence[Kept]) -> None:
        if not shells:
            self._path.unlink(missing_ok=True)
            return
        rows = [asdict(one) | {"seen_at": one.seen_at.isoformat()} for one in shells]
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"version": VERSION, "shells": rows}, file)
        draft.replace(self._path)


def remembering(
    post: Callable[[Sequence[Event]], None], remember: Callable[[ShellBook], object], folder: Path
) -> Callable[[Sequence[Event]], None]:
    """A `post` that also opens the book once the deployment has said who it is."""

    def posted(batch: Sequence[Event]) -> None:
        post(batch)
        for event in batch:
            if isinstance(event, BuildInfoRead) and event.deployment_id:
                remember(ShellBook(folder, event.deployment_id))

    return posted


def _kept(row: Any) -> Kept | None:
    """A line of the file; None if somebody else has written it."""
    try:
        target = Target(**{name: str(value) for name, value in row["target"].items()})
        seen_at = datetime.fromisoformat(row["seen_at"])
        return Kept(str(row["id"]), target, seen_at, str(row["owner"])) if seen_at.tzinfo else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
