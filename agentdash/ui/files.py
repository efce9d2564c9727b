"""Files the user asked for: named, private, never over an older one."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs


def new_path(name: str, folder: Path | None = None) -> Path:
    """A path of that name that nothing stands at yet; made by whoever opens it, exclusively."""
    folder = folder or Path(platformdirs.user_state_dir("agentdash")) / "saved"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "file"
    stem, dot, suffix = safe.rpartition(".")
    names = (
        f"{stem if dot else suffix}{f'-{number}' if number else ''}{dot}{suffix if dot else ''}"
        for number in range(1000)
    )
    return next((folder / one for one in names if not (folder / one).exists()), folder / safe)


def save_text(name: str, text: str, folder: Path | None = None) -> str:
    """Write a text to a new file readable by the user alone; says where, or why not."""
    folder = folder or Path(platformdirs.user_state_dir("agentdash")) / "saved"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "text"
    stem, dot, suffix = safe.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (safe, "")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in range(1000):
            path = folder / f"{stem}{f'-{number}' if number else ''}{suffix}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            return f"saved to {path}"
    except OSError as error:
        return f"could not save: {error.strerror or error}"
    return f"could not save: too many files named {safe} in {folder}"
