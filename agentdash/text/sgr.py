r"""Colours of foreign log lines: escape sequences in, text with style spans out.

Only SGR (`ESC [ … m`) has an effect. Everything else that could move, erase, title, link or ring is shown as
text, so a hyperlink (OSC 8) is readable and never active. Two sequences that programs add to nearly every
line and that do nothing to a single line are left out: erase-in-line (`ESC [ K`) and "ASCII letters" (`ESC (
B`, half of `tput sgr0`). Conceal and blink are ignored: a log hides nothing and does not blink.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from agentdash.text.safe import ELLIPSIS, LINE_LIMIT, clean, cut_chars, escape_unsafe
from agentdash.text.width import cell_width, expand_tabs

Color = int | tuple[int, int, int]
"""Entry of the 256-colour palette (0…15 are the terminal's own sixteen), or red, green, blue, 0…255 each."""


@dataclass(frozen=True, slots=True)
class Style:
    """Look of a piece of a log line; `None` is the default colour."""

    fg: Color | None = None
    bg: Color | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class StyleSpan:
    """A style over a part of a line, in characters, end exclusive, never empty."""

    start: int
    end: int
    style: Style


@dataclass(frozen=True, slots=True)
class StyledText:
    """Harmless text of one line with its spans: in order, not overlapping, plain pieces left out."""

    text: str
    spans: tuple[StyleSpan, ...] = ()


PLAIN = Style()

_MAX_PARAMS = 32
_SEQUENCE = re.compile(r"\x1b\[([0-9;:]{0,128})m|\x1b\[[012]?K|\x1b\(B")


def parse(line: str, limit: int = LINE_LIMIT) -> StyledText:
    """Clean one log line and find its colours.

    Of a line with carriage returns the text after the last one shows, as in a terminal after a progress bar;
    colours set before it go on. Tabs are expanded to every eighth cell. The text has at most `limit`
    characters. Never raises.
    """
    if len(line) <= limit and line.isascii() and line.isprintable():
        return StyledText(line)
    line = line.rstrip("\r\n")
    before, _, line = line.rpartition("\r")
    style = PLAIN
    if "\x1b" in before:
        # The last few thousand characters decide; the bound keeps a hostile line cheap.
        *_, (_, style) = _pieces(before[-4 * LINE_LIMIT :], style)
    if style is PLAIN and "\x1b" not in line and "\t" not in line:
        return StyledText(clean(line, limit))
    # Sequences take no room in the result, so more than `limit` characters are read, yet not without end.
    budget = 4 * max(limit, 0) + 256
    return _assemble(line[:budget], style, limit, is_cut=len(line) > budget)


def _assemble(line: str, style: Style, limit: int, *, is_cut: bool) -> StyledText:
    parts: list[str] = []
    spans: list[StyleSpan] = []
    length = column = 0
    for raw, look in _pieces(line, style):
        if not raw:
            continue
        text = expand_tabs(escape_unsafe(raw, keep="\t"), column)
        start, length, column = length, length + len(text), column + cell_width(text)
        parts.append(text)
        if look != PLAIN:
            if spans and spans[-1].end == start and spans[-1].style == look:
                start = spans.pop().start
            spans.append(StyleSpan(start, length, look))
        if length > limit:
            break
    text = cut_chars("".join(parts), limit, is_cut=is_cut)
    if len(text) < length or is_cut:
        end = len(text) - len(ELLIPSIS)
        spans = [replace(span, end=min(span.end, end)) for span in spans if span.start < end]
    return StyledText(text, tuple(spans))


def _pieces(line: str, style: Style) -> Iterator[tuple[str, Style]]:
    """Yield the text between sequences, each with the style it has; the last one may be empty."""
    position = 0
    for match in _SEQUENCE.finditer(line):
        yield line[position : match.start()], style
        position = match.end()
        params = match[1]
        if params is not None:
            style = _applied(style, params)
    yield line[position:], style


@lru_cache(maxsize=4096)
def _applied(style: Style, params: str) -> Style:
    """Apply the parameters of one SGR sequence; unknown ones change nothing."""
    words = params.split(";")[:_MAX_PARAMS]
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if ":" in word:
            style = _apply_colons(style, word)
            continue
        code = _number(word)
        if code in (38, 48, 58):
            color, used = _extended(words[index:])
            index += used
            if color is not None and code != 58:
                style = replace(style, fg=color) if code == 38 else replace(style, bg=color)
        else:
            style = _apply_code(style, code)
    return style


def _apply_code(style: Style, code: int) -> Style:
    if code == 0:
        return PLAIN
    if code in _SWITCHES:
        return replace(style, **_SWITCHES[code])
    if 30 <= code <= 37:
        return replace(style, fg=code - 30)
    if 40 <= code <= 47:
        return replace(style, bg=code - 40)
    if 90 <= code <= 97:
        return replace(style, fg=code - 82)
    if 100 <= code <= 107:
        return replace(style, bg=code - 92)
    if code == 39:
        return replace(style, fg=None)
    if code == 49:
        return replace(style, bg=None)
    return style


_SWITCHES: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    29: {"strike": False},
}


def _apply_colons(style: Style, word: str) -> Style:
    """Apply one parameter with sub-parameters: `4:3`, `38:5:n`, `38:2:r:g:b`, `38:2:space:r:g:b`."""
    first, *rest = word.split(":")
    code = _number(first)
    if code == 4:
        return replace(style, underline=_number(rest[0]) != 0)
    if code not in (38, 48):
        return style
    if rest[0] == "2" and len(rest) >= 5:
        rest = ["2", *rest[2:5]]
    color, _ = _extended(rest)
    if color is None:
        return style
    return replace(style, fg=color) if code == 38 else replace(style, bg=color)


def _extended(words: list[str]) -> tuple[Color | None, int]:
    """Read `5;n` or `2;r;g;b`: the colour, `None` if it is none, and how many words it took."""
    kind = words[0] if words else ""
    if kind == "5":
        index = _number(words[1]) if len(words) > 1 else -1
        return (index if 0 <= index <= 255 else None), 2
    if kind == "2":
        numbers = [_number(word) for word in words[1:4]]
        if len(numbers) == 3 and all(0 <= number <= 255 for number in numbers):
            return (numbers[0], numbers[1], numbers[2]), 4
        return None, 4
    return None, 1 if words else 0


def _number(word: str) -> int:
    """Read one parameter; empty means 0, anything absurdly long is unknown (-1)."""
    if not word:
        return 0
    return int(word) if len(word) <= 5 else -1
