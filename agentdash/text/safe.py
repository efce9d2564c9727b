r"""The one gate through which text from the network enters (house rule: text is cleaned once, at the edge).

What could move the cursor, reorder, hide or join what is drawn becomes a short visible ASCII escape: control
characters, DEL and C1 (`\x1b`, `\n`), lone surrogates (`\ud800`), direction controls (`\u202e`), zero-width
and other invisible characters, line separators, tag characters, noncharacters, private use outside the ranges
that icon fonts use. Spaces of other widths become plain spaces. A zero-width joiner, a skin tone and
variation selector 16 stay where they build an emoji, nowhere else. Combining marks are bounded and need
something to sit on. The result is never markup: it is drawn as literal text.
"""

from __future__ import annotations

import unicodedata
from enum import IntEnum

from agentdash.text.width import VS16, ZWJ, char_width, expand_tabs

LINE_LIMIT = 4096
"""Longest line let through, in characters."""
BLOCK_LIMIT = 65536
"""Longest block of lines let through, in characters."""
MAX_MARKS = 4
"""Combining marks on one character; real writing stays below."""
MAX_JOINS = 4
"""Zero-width joiners in one emoji; a family of four has three."""
ELLIPSIS = "…"

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_KEYCAP = "\u20e3"
_VS15 = "\ufe0e"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
# Letters and marks that Unicode calls visible and every font draws as nothing.
_BLANK = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0))
)
_ICONS = (range(0xE000, 0xF900), range(0xF0000, 0xF2000))
_EMOJI = (
    range(0x203C, 0x203D),
    range(0x2049, 0x204A),
    range(0x2122, 0x2123),
    range(0x2139, 0x213A),
    range(0x2190, 0x2500),
    range(0x25A0, 0x2800),
    range(0x2900, 0x2C00),
    range(0x3030, 0x3031),
    range(0x303D, 0x303E),
    range(0x3297, 0x329A),
    range(0x1F000, 0x1FC00),
)


class _Kind(IntEnum):
    PLAIN = 0
    EMOJI = 1
    MARK = 2
    SPACE = 3
    WIDE_SPACE = 4
    JOINER = 5
    SELECTOR = 6
    TEXT_SELECTOR = 7
    SKIN_TONE = 8
    ESCAPE = 9


class _Kinds(dict[str, _Kind]):
    """Kind per character, found once. Bounded: hostile text may hold a million different characters."""

    def __init__(self) -> None:
        super().__init__()
        self.harmless: set[str] = set()
        """Characters seen so far that need no look at their neighbours: a text of these alone is clean."""

    def __missing__(self, ch: str) -> _Kind:
        if len(self) >= 8192:
            self.clear()
            self.harmless.clear()
        kind = self[ch] = _classify(ch)
        if kind <= _Kind.EMOJI:
            self.harmless.add(ch)
        return kind


def _classify(ch: str) -> _Kind:
    special = {
        ZWJ: _Kind.JOINER,
        VS16: _Kind.SELECTOR,
        _VS15: _Kind.TEXT_SELECTOR,
        "\u3000": _Kind.WIDE_SPACE,
    }
    if ch in special:
        return special[ch]
    code = ord(ch)
    category = unicodedata.category(ch)
    if category == "Zs":
        return _Kind.SPACE if ch != " " else _Kind.PLAIN
    if _is_unfit(ch, code, category):
        return _Kind.ESCAPE
    if ch in _SKIN_TONES:
        return _Kind.SKIN_TONE
    # Some letters take no cell either (vowels of decomposed Hangul): a line of them would be drawn as
    # nothing.
    if category in {"Mn", "Me"} or char_width(ch) == 0:
        return _Kind.MARK
    if code in {0xA9, 0xAE} or any(code in span for span in _EMOJI):
        return _Kind.EMOJI
    return _Kind.PLAIN


def _is_unfit(ch: str, code: int, category: str) -> bool:
    if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} or ch in _BLANK:
        return True
    if category == "Co":
        return not any(code in span for span in _ICONS)
    if 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF:
        return True
    # Unassigned characters pass, as new emoji are newer than the table of the interpreter; the ones below
    # never will be characters, or are set aside for invisible ones.
    is_nonchar = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return is_nonchar or code == 0x2065 or 0xFFF0 <= code <= 0xFFF8


_KINDS = _Kinds()


def clean(text: str, limit: int = LINE_LIMIT) -> str:
    r"""Make one harmless line of foreign text.

    Newlines and tabs are escaped too (`\n`, `\t`). The result has at most `limit` characters, the last one
    `…` when something was cut off. Never raises. Idempotent: cleaning its own output with the same or a
    larger limit changes nothing.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    return cut_chars(escape_unsafe(text[: max(limit, 0)]), limit, is_cut=len(text) > limit)


def clean_block(text: str, limit: int = BLOCK_LIMIT) -> str:
    r"""Make harmless lines of foreign text: as `clean`, with `\n` kept and tabs expanded to every eighth
    cell.

    CR LF counts as a newline; any other CR is escaped. At most `limit` characters. Idempotent like `clean`.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    lines = escape_unsafe(text[: max(limit, 0)], keep="\n\t").split("\n")
    return cut_chars("\n".join(map(expand_tabs, lines)), limit, is_cut=len(text) > limit)


def escape_unsafe(text: str, keep: str = "") -> str:
    """Clean without a limit; the control characters in `keep` stay. For this room: callers use `clean`."""
    if text.isascii():
        return "".join([ch if " " <= ch <= "~" or ch in keep else escape(ch) for ch in text])
    if _KINDS.harmless.issuperset(text):
        return text
    return _Cleaner(text, keep).run()


def cut_chars(text: str, limit: int, *, is_cut: bool = False) -> str:
    """Cut to `limit` characters, the ellipsis included; no joiner may dangle before it."""
    if len(text) <= limit and not is_cut:
        return text
    if limit <= 0:
        return ""
    return text[: limit - 1].rstrip(ZWJ + VS16) + ELLIPSIS


def escape(ch: str) -> str:
    r"""Write one character as visible ASCII: `\n`, `\x1b`, `\u202e`, `\U000e0041`."""
    code = ord(ch)
    if ch in _NAMED:
        return _NAMED[ch]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class _Cleaner:
    """One pass over a text; remembers what the next character would join."""

    __slots__ = ("_base", "_is_emoji", "_joins", "_keep", "_marks", "_out", "_text")

    def __init__(self, text: str, keep: str) -> None:
        self._text = text
        self._keep = keep
        self._out: list[str] = []
        self._base = False
        self._is_emoji = False
        self._marks = 0
        self._joins = 0

    def run(self) -> str:
        for index, ch in enumerate(self._text):
            kind = _KINDS[ch]
            if kind is _Kind.MARK:
                self._mark(ch)
            elif not (kind >= _Kind.JOINER and self._joined(index, ch, kind)):
                self._stand(ch, kind)
        return "".join(self._out)

    def _mark(self, ch: str) -> None:
        """Keep a mark that has something to sit on; a run too long ends in one visible sign."""
        self._is_emoji = False
        if not self._base:
            self._out.append(escape(ch))
            self._base = True
            return
        self._marks += 1
        if self._marks <= MAX_MARKS:
            self._out.append(ch)
        elif self._marks == MAX_MARKS + 1:
            self._out.append(ELLIPSIS)

    def _joined(self, index: int, ch: str, kind: _Kind) -> bool:
        """Take an invisible character that belongs to an emoji; tell whether it did."""
        if kind is _Kind.TEXT_SELECTOR:
            # It asks for the plain form of a pictograph. Dropped: the form is the terminal's choice anyway.
            return self._is_emoji
        following = self._text[index + 1 : index + 2]
        if kind is _Kind.JOINER:
            fits = (
                self._is_emoji
                and self._joins < MAX_JOINS
                and following != ""
                and _KINDS[following] is _Kind.EMOJI
            )
            self._joins += fits
        elif kind is _Kind.SELECTOR:
            is_keycap = index > 0 and self._text[index - 1] in "0123456789#*" and following == _KEYCAP
            fits = is_keycap or (self._is_emoji and self._out[-1] != VS16)
        elif kind is _Kind.SKIN_TONE:
            fits = self._is_emoji and self._out[-1] not in _SKIN_TONES
        else:
            return False
        if fits:
            self._out.append(ch)
        return fits

    def _stand(self, ch: str, kind: _Kind) -> None:
        """Put down a character of its own: itself, a space for it, or its escape."""
        if not (kind is _Kind.EMOJI and self._out and self._out[-1] == ZWJ):
            self._joins = 0
        self._marks = 0
        self._is_emoji = kind is _Kind.EMOJI
        self._base = ch not in self._keep
        if kind is _Kind.SPACE:
            ch = " "
        elif kind is _Kind.WIDE_SPACE:
            ch = "  "
        elif kind >= _Kind.JOINER and ch not in self._keep:
            ch = escape(ch)
        self._out.append(ch)
