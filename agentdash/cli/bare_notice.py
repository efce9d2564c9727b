"""What is said on a bare terminal while its picture belongs to the shell: for as long as it holds, and beside the picture.

Below a prompt there is a line that nobody uses. A full-screen program uses all of them: there the terminal's title says it.
"""

from __future__ import annotations

_BELOW = b"\x1b7\x1b[B\r"
_BACK = b"\x1b8"


class HangingNotice:
    """A sentence that hangs on the terminal until it is taken away; both leave cursor and picture as they were.

    Args:
        title: For a terminal that cannot go back to the title it had.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._text = ""
        self._is_in_title = False

    def hang(self, text: str, columns: int, *, is_alternate: bool) -> bytes:
        """What shows a sentence, in the title if a full-screen program has the screen; nothing if it hangs there."""
        if (text, is_alternate) == (self._text, self._is_in_title):
            return b""
        before = b"" if self._text and is_alternate == self._is_in_title else self.take()
        is_first, self._text, self._is_in_title = not self._text, text, is_alternate
        if is_alternate:
            kept = b"\x1b[22;2t" if is_first else b""
            return before + kept + b"\x1b]2;[agentdash: " + text.encode() + b"]\x07"
        words = f"[agentdash: {text}]"[: max(0, columns - 1)].encode()
        # The bottom line has none below: the picture moves up for one, and the cursor with it.
        room = b"\n\x1b[A" if is_first else b""
        return before + room + _BELOW + b"\x1b[0;7m" + words + b"\x1b[0m\x1b[K" + _BACK

    def take(self) -> bytes:
        """What takes it away; nothing if none hangs."""
        text, self._text = self._text, ""
        if not text:
            return b""
        if self._is_in_title:
            return b"\x1b]2;" + self._title.encode() + b"\x07\x1b[23;2t"
        return _BELOW + b"\x1b[2K" + _BACK
