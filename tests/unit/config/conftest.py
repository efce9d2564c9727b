from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentdash.config.load import Loaded, load

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


@dataclass
class Machine:
    """A home directory of its own, and what is set on it."""

    home: Path
    platform: str = "linux"
    environ: dict[str, str] = field(default_factory=dict)
    keyring: str | None = None
    keyring_asked: int = 0

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def log_in(self, url: str, token: str = TOKEN, directory: str = ".config/coderv2") -> None:
        self.write(f"{directory}/url", url + "\n")
        self.write(f"{directory}/session", token + "\n")

    def configure(self, text: str) -> Path:
        return self.write(".config/agentdash/config.toml", text)

    def load(self, **flags: object) -> Loaded:
        return self.load_with(flags)

    def load_with(self, flags: Mapping[str, object]) -> Loaded:
        return load(flags, self.environ, self.home, self.platform, read_keyring=self._read_keyring)

    def _read_keyring(self, platform: str) -> str | None:
        self.keyring_asked += 1
        assert platform == self.platform
        return self.keyring


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
