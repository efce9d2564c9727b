"""The program's own log: a rotating file that only its owner reads, without secrets."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 1_000_000
BACKUPS = 3

_secrets: set[str] = set()


def hide(values: Iterable[str]) -> None:
    """These texts never reach the log, whoever tries to write them."""
    _secrets.update(value for value in values if len(value) >= 4)


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in _secrets:
            text = text.replace(secret, "••••••")
        return text


class _PrivateFile(RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]  # the base's own type is a private one
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(fd, self.mode, encoding="utf-8", errors="backslashreplace")


def default_path() -> Path:
    """Where the log goes if nobody says otherwise."""
    from platformdirs import user_log_path  # noqa: PLC0415 - not needed when a file is named

    return user_log_path("agentdash", appauthor=False) / "agentdash.log"


def open_log(wanted: Path | None) -> Path:
    """Begin to log; the screen is never written to.

    Args:
        wanted: The file; the default place if None.

    Raises:
        OSError: The file cannot be written.
    """
    where = wanted or default_path()
    where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = _PrivateFile(where, maxBytes=MAX_BYTES, backupCount=BACKUPS)
    handler.setFormatter(
        _Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("agentdash").setLevel(logging.INFO)
    return where


def no_log() -> None:
    """Keep the log quiet: nothing of it belongs on stderr."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())


def path() -> Path | None:
    """The file that is being written, if there is one."""
    handlers = logging.getLogger().handlers
    return next((Path(h.baseFilename) for h in handlers if isinstance(h, _PrivateFile)), None)


def close_log() -> None:
    """Close what `open_log` opened."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, (_PrivateFile, logging.NullHandler)):
            root.removeHandler(handler)
            handler.close()


def where_the_trace_is() -> str:
    """What a person is told after a mistake of this program."""
    file = path()
    return f"The trace is in {file}" if file else "Run it again with --log-file FILE to keep the trace"
