"""Copying: the terminal's clipboard by OSC 52, a private file when that cannot be.

OSC 52 travels through SSH and says nothing back, so what is told to the user is what was sent, not what arrived. Terminals
drop sequences that are too long without a word; above the limit the text goes to a file instead.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_state_path
from textual.app import App

LIMIT = 74_994
"""Bytes of text that are sent to the terminal at most: xterm takes 100,000 bytes of the sequence, base64 makes 4 of 3."""
SCREEN_CHUNK = 700
"""Bytes of one passthrough string of GNU screen, which takes 768."""
FILE_NAME = "copied.txt"


def osc52(text: str, env: Mapping[str, str]) -> str:
    """The sequence that copies a text, wrapped for the multiplexer in between.

    tmux gets it twice: plain, which fills its own buffer and, with `set-clipboard on`, the terminal's clipboard; and as
    passthrough, for those who allow that instead.

    Args:
        text: What to copy.
        env: The environment, which says what is in between.
    """
    plain = f"\x1b]52;c;{b64encode(text.encode()).decode()}\x07"
    if env.get("TMUX"):
        return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if env.get("STY"):
        pieces = (plain[at : at + SCREEN_CHUNK] for at in range(0, len(plain), SCREEN_CHUNK))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return plain


def write_private(text: str, folder: Path) -> Path:
    """Write a text to a file that only this user can read, in one step.

    Args:
        text: The text.
        folder: Where to; made if missing, for this user only.

    Raises:
        OSError: The file cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / FILE_NAME
    draft = folder / f".{FILE_NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    draft.replace(target)
    return target


def copy_with(
    text: str, what: str, *, write: Callable[[str], object] | None, env: Mapping[str, str], folder: Path
) -> str:
    """Copy a text and say what happened in one sentence.

    Args:
        text: What to copy.
        what: What it is, for the sentence.
        write: Writes to the terminal; None if there is none (a browser).
        env: The environment.
        folder: Where the file goes if the terminal cannot take the text.
    """
    size = len(text.encode("utf-8", "replace"))
    if write is not None and size <= LIMIT:
        write(osc52(text.encode("utf-8", "replace").decode(), env))
        return f"{what} sent to the terminal's clipboard ({_size(size)})"
    reason = "no clipboard here" if write is None else f"{_size(size)} is too much for the clipboard"
    try:
        path = write_private(text, folder)
    except OSError as error:
        return f"{what} not copied: {reason}, and {folder / FILE_NAME}: {error.strerror or error}"
    return f"{what} written to {path}: {reason}"


def copy(app: App[Any], text: str, what: str = "text") -> str:
    """Copy a text from a running app; returns one sentence that says what happened.

    Args:
        app: The app, whose terminal is written to.
        text: What to copy.
        what: What it is, for the sentence.
    """
    # Textual's own copy sends one raw sequence, without limit or wrapping; the driver is its only way to the terminal.
    driver = app._driver  # noqa: SLF001
    has_terminal = driver is not None and not app.is_web
    sentence = copy_with(
        text,
        what,
        write=driver.write if driver is not None and has_terminal else None,
        env=os.environ,
        folder=user_state_path("agentdash"),
    )
    if driver is not None and has_terminal:
        driver.flush()
    return sentence


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
