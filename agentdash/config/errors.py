"""What is wrong with a configuration, said so that it can be mended."""

from __future__ import annotations

from pathlib import Path


class ConfigError(Exception):
    """A setting that cannot be used. No text of it ever holds the value of a token or a header."""

    def __init__(
        self,
        title: str,
        detail: str = "",
        next_step: str = "",
        *,
        file: Path | None = None,
        key: str | None = None,
        nearest: str | None = None,
    ) -> None:
        super().__init__(title)
        self.title = title
        """What is wrong, in a few words."""
        self.detail = detail
        """The circumstances, in a sentence."""
        self.next_step = next_step
        """What to do about it."""
        self.file = file
        """The file it is in."""
        self.key = key
        """The setting, flag or environment variable it is about."""
        self.nearest = nearest
        """The known key that was perhaps meant."""

    def __str__(self) -> str:
        where = ", ".join(filter(None, (str(self.file) if self.file else "", self.key or "")))
        head = f"{where}: {self.title}" if where else self.title
        hint = f'Did you mean "{self.nearest}"?' if self.nearest else ""
        return " ".join(part for part in (f"{head}.", self.detail, hint, self.next_step) if part)
