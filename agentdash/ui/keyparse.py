"""What is typed and pasted, read as a terminal in a pane needs it.

Terminals without the kitty protocol put an escape before a key with alt. Textual has names for letters only; what else is
typed with alt comes without it, and `ESC f`, `ESC b` and `ESC DEL` as keys that other programs take for others. A shell gets
what was typed; other places get what Textual makes of it.

An escape within pasted text, of a coloured log perhaps, ends the paste for Textual: what follows would be typed, line ends
and all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

ESC: Final = "\x1b"
_BEGINNINGS: Final = "[O]P_^X"
"""What may begin a longer sequence: it is a key only when nothing follows."""
_BACKTAB: Final = "\x1b\t"
"""Shift and tab on the Linux console."""
_OWN: Final = {"\x08": "ctrl+h"}
"""What Textual has as another key, which a terminal sends otherwise."""
_REST: Final = len(BRACKETED_PASTE_START) - 1
"""So much of a mark may be at the end of what was read, the rest to come."""


class KeyParser(XTermParser):
    """Textual's parser, but for two things.

    A key with alt has as its `character` what the terminal sent, escape and all. A paste is all that is between its marks.
    """

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._tail = ""
        self._pasted: list[str] | None = None

    def feed(self, data: str) -> Iterable[Message]:
        """Read on; nothing pasted is read as keys."""
        if not data:
            yield from super().feed(data)
        while data:
            if self._pasted is None:
                seen = self._tail + data
                at = seen.find(BRACKETED_PASTE_START)
                end = len(seen) if at < 0 else at + len(BRACKETED_PASTE_START)
                yield from super().feed(data[: end - len(self._tail)])
                data = seen[end:]
                self._tail, self._pasted = (seen[-_REST:], None) if at < 0 else ("", [])
            else:
                seen = self._tail + data
                at = seen.find(BRACKETED_PASTE_END)
                if at < 0:
                    self._pasted.append(seen[:-_REST])
                    self._tail = seen[-_REST:]
                    return
                text = "".join((*self._pasted, seen[:at])).replace("\x00", "")
                data, self._tail, self._pasted = seen[at + len(BRACKETED_PASTE_END) :], "", None
                for message in super().feed(BRACKETED_PASTE_END):
                    yield events.Paste(text) if isinstance(message, events.Paste) else message

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        is_pair = len(sequence) == 2 and sequence[0] == ESC and sequence != _BACKTAB
        if is_pair and sequence[1] not in _BEGINNINGS:
            return self._with_alt(sequence[1])
        if alt and len(sequence) == 1:
            return self._with_alt(sequence)
        return super()._sequence_to_key_events(sequence, alt)

    def _with_alt(self, character: str) -> Iterable[events.Key]:
        for key in super()._sequence_to_key_events(character):
            name = _OWN.get(character, key.key)
            shift = "shift+" if len(name) == 1 and name.isupper() else ""
            yield events.Key(f"alt+{shift}{name.lower() if shift else name}", ESC + character)

    def without_alt(self, sent: str) -> list[events.Key]:
        """What Textual makes of an escape and a character."""
        keys = super()._sequence_to_key_events
        return list(keys(sent)) or list(keys(sent[1:], alt=True))


_PARSER: Final = KeyParser()


def is_escaped(key: events.Key) -> bool:
    """Whether a key came as an escape and a character."""
    return key.character is not None and len(key.character) == 2 and key.character[0] == ESC


def as_textual_has_it(key: events.Key) -> list[events.Key]:
    """What Textual makes of a key that came with an escape before it."""
    return _PARSER.without_alt(key.character or "")
