"""Findings that a person has put aside: acknowledged until they get worse or come anew, or snoozed for a while.

Kept over restarts in a small private file of the state directory, one for each deployment. A file that cannot be read or
written costs the memory, never the program.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SCHEMA = 1
KEPT = timedelta(days=90)
"""Marks older than this are forgotten."""
MOST = 5000
SNOOZES = (timedelta(hours=1), timedelta(days=1))
SLACK = timedelta(minutes=2)
"""A trouble that began so little later than it was put aside is still the same one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One finding that was put aside.

    Attributes:
        at: When (server time).
        severity: How bad it was then, 1 … 4; worse brings it back.
        until: End of a snooze; None for an acknowledgement.
    """

    at: datetime
    severity: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is asked about: a finding as it is now."""

    id: str
    severity: int
    since: datetime | None


class Acks:
    """The marks of one deployment.

    Args:
        path: File they are kept in; None keeps them in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._marks: dict[str, Mark] = {}
        if path is not None:
            self._marks = _read(path)

    def __len__(self) -> int:
        return len(self._marks)

    @property
    def marks(self) -> Mapping[str, Mark]:
        """By id of the finding."""
        return self._marks

    def why(self, finding: Standing, now: datetime) -> str:
        """Why a finding is put aside, in a word or two; empty if it is not, or no longer."""
        mark = self._marks.get(finding.id)
        if mark is None or finding.severity > mark.severity:
            return ""
        if mark.until is not None:
            return "" if now >= mark.until else f"snoozed until {mark.until:%H:%M}Z"
        if finding.since is not None and finding.since > mark.at + SLACK:
            return ""  # it had gone and came anew
        return "acknowledged"

    def acknowledge(self, finding: Standing, now: datetime) -> bool:
        """Put a finding aside, or take that back; True if it is aside now."""
        if self.why(finding, now) == "acknowledged":
            self._forget(finding.id)
            return False
        self._put(finding.id, Mark(now, finding.severity), now)
        return True

    def snooze(self, finding: Standing, now: datetime) -> datetime | None:
        """Put a finding aside for an hour; one that is snoozed already for a day, then not at all. Until when."""
        mark = self._marks.get(finding.id)
        length: timedelta | None = SNOOZES[0]
        if mark is not None and mark.until is not None and self.why(finding, now):
            had = mark.until - mark.at
            length = next((s for s in SNOOZES if s > had), None)
        if length is None:
            self._forget(finding.id)
            return None
        until = now + length
        self._put(finding.id, Mark(now, finding.severity, until), now)
        return until

    def _put(self, finding_id: str, mark: Mark, now: datetime) -> None:
        self._marks[finding_id] = mark
        young = {key: m for key, m in self._marks.items() if not _is_over(m, now)}
        newest = sorted(young.items(), key=lambda item: item[1].at)[-MOST:]
        self._marks = dict(newest)
        self._write()

    def _forget(self, finding_id: str) -> None:
        self._marks.pop(finding_id, None)
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        try:
            _replace(self.path, json.dumps(_as_json(self._marks), indent=1))
        except OSError as error:
            log.warning("what was put aside cannot be kept in %s: %s", self.path, error.strerror)


def file_of(deployment_id: str, directory: Path | None = None) -> Path | None:
    """The file for a deployment; None where that has no id.

    Args:
        deployment_id: As the server tells it; only its plain characters become part of a name.
        directory: The state directory; the user's if None.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "", deployment_id).strip(".")[:80]
    if not name:
        return None
    if directory is None:
        from platformdirs import user_state_path  # noqa: PLC0415 - a test names its own directory

        directory = user_state_path("agentdash", appauthor=False)
    return directory / f"acks-{name}.json"


def _is_over(mark: Mark, now: datetime) -> bool:
    return now - mark.at > KEPT or (mark.until is not None and now >= mark.until)


def _as_json(marks: Mapping[str, Mark]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "marks": {
            key: {
                "at": mark.at.astimezone(UTC).isoformat(),
                "severity": mark.severity,
                "until": None if mark.until is None else mark.until.astimezone(UTC).isoformat(),
            }
            for key, mark in marks.items()
        },
    }


def _read(path: Path) -> dict[str, Mark]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("what was put aside cannot be read from %s: %s", path, type(error).__name__)
        return {}
    marks: dict[str, Mark] = {}
    found = body.get("marks") if isinstance(body, dict) and body.get("schema") == SCHEMA else None
    for key, value in found.items() if isinstance(found, dict) else ():
        mark = _mark(value)
        if mark is not None:
            marks[key] = mark
    return marks


def _mark(value: object) -> Mark | None:
    if not isinstance(value, dict):
        return None
    at, until, severity = _time(value.get("at")), _time(value.get("until")), value.get("severity")
    if at is None or not isinstance(severity, int) or (until is None and value.get("until") is not None):
        return None
    return Mark(at, severity, until)


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _replace(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise
