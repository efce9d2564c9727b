"""Recording of a terminal as an asciicast file, version 2: a header line, then an event a line, as JSON.

https://docs.asciinema.org/manual/asciicast/v2/
"""

from __future__ import annotations

import codecs
import json
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

LIMIT: Final = 512 * 1024 * 1024
"""Bytes after which a recording ends by itself: somebody forgot it."""


class Cast:
    """A recording in progress. A thread writes, so that a slow disk holds up no key.

    What is typed is not recorded: passwords are typed.

    Args:
        path: The file; made anew, for this user only.
        columns: Width at the start, and `lines` the height.
        title: What is recorded.
        now: Seconds since the epoch.
        monotonic: Seconds that only go forward.

    Raises:
        OSError: The file cannot be made, or is there already.
    """

    def __init__(
        self,
        path: Path,
        columns: int,
        lines: int,
        title: str,
        *,
        now: float,
        monotonic: Callable[[], float],
    ) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.path = path
        self.trouble = ""
        """Why nothing is written any more; empty while it is."""
        self._monotonic = monotonic
        self._began = monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._size = 0
        self._writer = threading.Thread(target=self._write, args=(descriptor,), name="asciicast", daemon=True)
        self._writer.start()
        header = {"version": 2, "width": columns, "height": lines, "timestamp": int(now), "title": title}
        self._put(header | {"env": {"TERM": "xterm-256color"}})

    def output(self, data: bytes) -> None:
        """The program wrote this, cut anywhere."""
        text = self._decoder.decode(data)
        if text:
            self._event("o", text)

    def resize(self, columns: int, lines: int) -> None:
        """The terminal has another size."""
        self._event("r", f"{columns}x{lines}")

    def close(self) -> None:
        """End the recording; returns when all is written."""
        self._lines.put(None)
        self._writer.join()

    def _event(self, kind: str, data: str) -> None:
        self._put([round(self._monotonic() - self._began, 6), kind, data])

    def _put(self, value: object) -> None:
        line = json.dumps(value, ensure_ascii=False)
        if self._size + len(line) > LIMIT:
            self.trouble = self.trouble or "the recording has become too long and has ended"
        if not self.trouble:
            self._size += len(line)
            self._lines.put(line)

    def _write(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            while (line := self._lines.get()) is not None:
                if self.trouble:
                    continue
                try:
                    file.write(line + "\n")
                    if self._lines.empty():
                        file.flush()
                except OSError as error:
                    self.trouble = f"the recording cannot be written: {error.strerror or error}"
