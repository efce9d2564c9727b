"""The pseudo shell of scripted agents: it echoes, knows four words and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil

_BANNER = (
    "This is a scripted workspace: nothing runs here.\r\n"
    "Enter the agent of this machine for a real shell. Words known here: help, size, colors, exit.\r\n"
)
_HELP = "help    this text\r\nsize    size of this terminal\r\ncolors  the 16 colours\r\nexit    end the session\r\n"
_ERASE = "\b \b"
_CTRL_C, _CTRL_D, _CTRL_U = "\x03", "\x04", "\x15"


class ScriptedShell:
    """A line editor over nothing; harmless by construction."""

    def __init__(self, user: str, host: str, command: str = "") -> None:
        self._prompt = f"\x1b[32m{user}@{host}\x1b[0m:\x1b[34m~\x1b[0m$ "
        self._command = command
        self._line = ""
        self._rows, self._columns = 0, 0
        self._held: list[bytes] | None = None
        self._output: Callable[[bytes], None] = _ignore
        self._exit: Callable[[], None] = _nothing
        self._is_open = True

    def connect(self, on_output: Callable[[bytes], None], on_exit: Callable[[], None]) -> None:
        """Greet; a command is refused and ends the session, as a real one ends it."""
        self._output, self._exit = on_output, on_exit
        if self._command:
            self._say(f"{self._command}: not run in a scripted workspace\r\n")
            self._is_open = False
            self._exit()
            return
        self._say(_BANNER)
        self._say(self._prompt)

    async def write(self, data: bytes) -> None:
        """Type: printable characters, Enter, Backspace, Ctrl-C, Ctrl-D, Ctrl-U."""
        for char in data.decode(errors="replace"):
            if self._is_open:
                self._key(char)

    def resize(self, rows: int, columns: int) -> None:
        """Remember the size for the word `size`."""
        self._rows, self._columns = rows, columns

    def pause(self) -> None:
        """Hold output back."""
        if self._held is None:
            self._held = []

    def resume(self) -> None:
        """Give out what was held back."""
        held, self._held = self._held, None
        for data in held or ():
            self._output(data)

    async def end(self) -> None:
        """Say nothing more."""
        self._is_open = False

    async def leave(self) -> Sequence[psutil.Process]:
        """Nothing runs, so nothing is left."""
        return ()

    def _key(self, char: str) -> None:
        if char in "\r\n":
            self._say("\r\n")
            line, self._line = self._line.strip(), ""
            self._run(line)
        elif char in "\x7f\b":
            if self._line:
                self._line = self._line[:-1]
                self._say(_ERASE)
        elif char == _CTRL_C:
            self._line = ""
            self._say(f"^C\r\n{self._prompt}")
        elif char == _CTRL_U:
            self._say(_ERASE * len(self._line))
            self._line = ""
        elif char == _CTRL_D and not self._line:
            self._leave()
        elif char.isprintable():
            self._line += char
            self._say(char)

    def _run(self, line: str) -> None:
        word = line.split(" ", maxsplit=1)[0]
        if word in {"exit", "logout"}:
            self._leave()
            return
        if word == "help":
            self._say(_HELP)
        elif word == "size":
            self._say(f"{self._rows} {self._columns}\r\n")
        elif word == "colors":
            rows = (range(30, 38), range(90, 98))
            self._say("".join("".join(f"\x1b[{n}m {n} " for n in row) + "\x1b[0m\r\n" for row in rows))
        elif word:
            self._say(f"{word}: not in a scripted workspace (try help)\r\n")
        self._say(self._prompt)

    def _leave(self) -> None:
        self._say("logout\r\n")
        self._is_open = False
        self._exit()

    def _say(self, text: str) -> None:
        data = text.encode()
        if self._held is None:
            self._output(data)
        else:
            self._held.append(data)


def _ignore(data: bytes) -> None:
    del data


def _nothing() -> None:
    return
