"""What a server's version says, and what it was seen not to offer (contract: README §9; changes.md §1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d{1,6})\.(\d{1,6})")


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """Major and minor only; `-devel` counts as the newest. `text` "" means unknown."""

    text: str
    major: int = 0
    minor: int = 0
    is_devel: bool = False

    @classmethod
    def parse(cls, text: str) -> ServerVersion:
        found = _VERSION.match(text.strip())
        if found is None:
            return cls(text)
        return cls(text, int(found[1]), int(found[2]), "-devel" in text)

    def is_at_least(self, major: int, minor: int) -> bool:
        """False when the version is unknown: gate only what an older server would silently do wrong."""
        return self.is_devel or (self.major, self.minor) >= (major, minor)


class Absences:
    """Routes that this server version does not have; forgotten when its version changes."""

    def __init__(self) -> None:
        self._version = ""
        self._routes: set[str] = set()

    def saw_version(self, version: str) -> None:
        """Each change makes everything worth a try: a rolling upgrade answers with two versions for a while."""
        if version and version != self._version:
            self._version = version
            self._routes.clear()

    def add(self, route: str) -> None:
        self._routes.add(route)

    def __contains__(self, route: str) -> bool:
        return route in self._routes
