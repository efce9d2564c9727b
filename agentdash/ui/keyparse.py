"""What is typed and pasted, read as a terminal in a pane needs it.

Terminals without the kitty protocol put an escape before a key with alt. Textual has names for letters only; what else is
typed with alt comes without it, and `ESC f`, `ESC b` and `ESC DEL` as keys that other programs take for others. A shell gets
what was typed; other places get what Textual makes of it.

Some other keys it takes for what they are not: F13 to F20 for controls and characters, F3 with shift for the answer to a
question that nobody asked, ctrl+h for backspace.

An escape within pasted text, of a coloured log perhaps, ends the paste for Textual: what follows would be typed, line ends
and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.keys import Keys
from textual.message import Message

ESC: Final = "\x1b"
_BEGINNINGS: Final = "[O]P_^X"
"""What may begin a longer sequence: it is a key only when nothing follows."""
_BACKTAB: Final = "\x1b\t"
"""Shift and tab on the Linux console."""
_CTRL_H: Final = "\x08"
_LATE_F: Final = {"25": 13, "26": 14, "28": 15, "29": 16, "31": 17, "32": 18, "33": 19, "34": 20}
_late_f = re.compile(r"\x1b\[(\d\d)((?:;\d+)?)~").fullmatch
_MODIFIERS: Final = 15
"""Modifiers that are pressed, as a sum of bits, are at most this."""
_REST: Final = len(BRACKETED_PASTE_START) - 1
"""So much of a mark may be at the end of what was read, the rest to come."""


class KeyParser(XTermParser):
    """Textual's parser, but for these.

    A key with alt has as its `character` what the terminal sent, escape and all. A paste is all that is between its marks.

    Args:
        debug: Write down what is read, as Textual does.
        erase: What the terminal's backspace sends.
    """

    def __init__(self, debug: bool = False, *, erase: str = "\x7f") -> None:
        super().__init__(debug)
        self._erase = erase
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
                for message in super().feed(data[: end - len(self._tail)]):
                    yield from self._mended(message)
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

    def _mended(self, message: Message) -> Iterable[Message]:
        """F3 with a modifier looks like a cursor in the first row."""
        if isinstance(message, events.CursorPosition) and message.y == 0 and 1 <= message.x <= _MODIFIERS:
            return [events.Key(f"{prefix}f3", None) for prefix in self._prefixes(f";{message.x + 1}")]
        return [message]

    def _prefixes(self, modifiers: str) -> list[str]:
        keys = super()._sequence_to_key_events(f"\x1b[15{modifiers}~")
        return [key.key.removesuffix("f5") for key in keys]

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if sequence == _CTRL_H != self._erase and not alt:
            return [events.Key("ctrl+h", sequence)]
        late = _late_f(sequence)
        if late is not None and late[1] in _LATE_F:
            return [events.Key(f"{prefix}f{_LATE_F[late[1]]}", None) for prefix in self._prefixes(late[2])]
        is_pair = len(sequence) == 2 and sequence[0] == ESC and sequence != _BACKTAB
        if is_pair and sequence[1] not in _BEGINNINGS:
            return self._with_alt(sequence[1])
        if alt and len(sequence) == 1:
            return self._with_alt(sequence)
        try:
            return list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):  # a noisy line: no number, or no character
            return [events.Key(Keys.Ignore, sequence)]

    def _with_alt(self, character: str) -> Iterable[events.Key]:
        for key in super()._sequence_to_key_events(character):
            name = "ctrl+h" if character == _CTRL_H else key.key
            shift = "shift+" if len(name) == 1 and name.isupper() else ""
            yield events.Key(f"alt+{shift}{name.lower() if shift else name}", ESC + character)

    def as_textual_has_it(self, sent: str) -> list[events.Key]:
        """What Textual makes of a control, or of an escape and a character."""
        keys = super()._sequence_to_key_events
        return list(keys(sent)) or list(keys(sent[1:], alt=True))


_PARSER: Final = KeyParser()


def is_other_for_textual(key: events.Key) -> bool:
    """Whether a key has a name here that it has not in Textual: it came as an escape and a character, or is ctrl+h."""
    sent = key.character or ""
    return (len(sent) == 2 and sent[0] == ESC) or (sent == _CTRL_H and key.key == "ctrl+h")


def as_textual_has_it(key: events.Key) -> list[events.Key]:
    """What Textual makes of such a key."""
    return _PARSER.as_textual_has_it(key.character or "")
