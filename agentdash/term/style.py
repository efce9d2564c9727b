"""How a cell looks: one integer while parsing, one frozen `Style` when painting.

Every select-graphic-rendition sequence clears some fields and sets some, so on a style packed into an
integer it is `code & keep | bits`: it does not depend on the style before it and can be remembered by
its own text. Integers are also what keeps a scrollback of coloured cells small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

Color = int | tuple[int, int, int] | None
"""None is the default colour, an int a palette entry 0 to 255, a tuple 24-bit red, green, blue."""

BOLD: Final = 1
DIM: Final = 2
ITALIC: Final = 4
UNDERLINE: Final = 8
STRIKE: Final = 16
REVERSE: Final = 32
CONCEAL: Final = 64
BLINK: Final = 128

_FG_SHIFT: Final = 8
_BG_SHIFT: Final = 33
_COLOR: Final = (1 << 25) - 1
_RGB: Final = 1 << 24
ALL: Final = (1 << 58) - 1
FG: Final = _COLOR << _FG_SHIFT
BG: Final = _COLOR << _BG_SHIFT
"""`code & BG` is the look of an erased cell: background only, as terminals with `bce` do."""

_ON: Final = {1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE, 5: BLINK, 6: BLINK, 7: REVERSE, 8: CONCEAL,
              9: STRIKE, 21: UNDERLINE}  # fmt: skip
_OFF: Final = {22: BOLD | DIM, 23: ITALIC, 24: UNDERLINE, 25: BLINK, 27: REVERSE, 28: CONCEAL, 29: STRIKE,
               39: FG, 49: BG}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """How a run of cells is drawn. Equal styles are the same object as long as they are in use."""

    fg: Color = None
    bg: Color = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    reverse: bool = False
    conceal: bool = False
    blink: bool = False


PLAIN: Final = Style()


def _color(field: int) -> Color:
    if not field:
        return None
    if field & _RGB:
        return field >> 16 & 255, field >> 8 & 255, field & 255
    return field - 1


@lru_cache(maxsize=16_384)
def _unpack(code: int) -> Style:
    flags = [bool(code & flag) for flag in (BOLD, DIM, ITALIC, UNDERLINE, STRIKE, REVERSE, CONCEAL, BLINK)]
    return Style(_color(code >> _FG_SHIFT & _COLOR), _color(code >> _BG_SHIFT & _COLOR), *flags)


def style_of(code: int) -> Style:
    """The style a packed code stands for."""
    return _unpack(code) if code else PLAIN


_BYTES: Final = {str(number): number for number in range(256)}
_NO_COLOR: Final = ALL ^ FG ^ BG
_TARGETS: Final = {"38": (FG, _FG_SHIFT), "48": (BG, _BG_SHIFT)}


def direct_color(body: str) -> tuple[int, int] | None:
    """`sgr` for one or two extended colours and nothing else: pictures are made of nothing else."""
    parts = body.split(";")
    count = len(parts)
    try:
        if count == 10 and parts[0] == "38" and parts[5] == "48" and parts[1] == parts[6] == "2":
            _, _, red, green, blue, _, _, red_2, green_2, blue_2 = parts
            fg = _RGB | _BYTES[red] << 16 | _BYTES[green] << 8 | _BYTES[blue]
            bg = _RGB | _BYTES[red_2] << 16 | _BYTES[green_2] << 8 | _BYTES[blue_2]
            return _NO_COLOR, fg << _FG_SHIFT | bg << _BG_SHIFT
        mask = bits = at = 0
        while at < count:
            field, shift = _TARGETS[parts[at]]
            if parts[at + 1] == "2":
                red, green, blue = parts[at + 2 : at + 5]
                color = _RGB | _BYTES[red] << 16 | _BYTES[green] << 8 | _BYTES[blue]
                at += 5
            elif parts[at + 1] == "5":
                color = _BYTES[parts[at + 2]] + 1
                at += 3
            else:
                return None
            mask |= field
            bits = bits & ~field | color << shift
    except (KeyError, IndexError, ValueError):  # something else, out of range, zeros in front
        return None
    return ALL ^ mask, bits


def sgr(body: str) -> tuple[int, int]:
    """Read the parameters of `CSI … m`.

    Args:
        body: What stands between `CSI` and `m`: numbers separated by `;`, sub-parameters by `:`.

    Returns:
        (keep, bits): the new style is `code & keep | bits`. Unknown and malformed parameters change
        nothing.
    """
    keep, bits = ALL, 0
    params = iter(body.split(";"))
    for param in params:
        number, _, subs = param.partition(":")
        mask, value = _parameter(_int(number), subs, params)
        keep &= ~mask
        bits = bits & ~mask | value
    return keep, bits


def _parameter(number: int, subs: str, params: Iterator[str]) -> tuple[int, int]:
    """One parameter: (fields it clears, bits it sets). Colours take further ones from `params`."""
    if number == 0:
        return ALL, 0
    if number == 4 and subs:
        return UNDERLINE, UNDERLINE if _int(subs.partition(":")[0]) else 0
    if number in _ON:
        return _ON[number], _ON[number]
    if number in _OFF:
        return _OFF[number], 0
    if number in (38, 48, 58):
        color = _extended(subs.split(":"), colon=True) if subs else _extended(params, colon=False)
        if color is None or number == 58:  # the colour of an underline is read and not drawn
            return 0, 0
        return (FG, color << _FG_SHIFT) if number == 38 else (BG, color << _BG_SHIFT)
    if 30 <= number <= 37 or 90 <= number <= 97:
        return FG, (number - (29 if number < 90 else 81)) << _FG_SHIFT
    if 40 <= number <= 47 or 100 <= number <= 107:
        return BG, (number - (39 if number < 100 else 91)) << _BG_SHIFT
    return 0, 0


def _extended(source: Iterator[str] | list[str], *, colon: bool) -> int | None:
    """Read `5;n` or `2;r;g;b` (with colons also `2::r:g:b`)."""
    items = iter(source)
    kind = _int(next(items, "0").partition(":")[0])
    if kind == 5:
        number = _int(next(items, "999"))
        return number + 1 if number < 256 else None
    if kind != 2:
        return None
    rest = list(items) if colon else [next(items, "256") for _ in range(3)]
    if len(rest) > 3:  # the colour space stands first
        rest = rest[1:]
    if len(rest) < 3:
        return None
    red, green, blue = (_int(part) for part in rest[:3])
    if max(red, green, blue) > 255:
        return None
    return _RGB | red << 16 | green << 8 | blue


def _int(text: str) -> int:
    """A parameter as a number: missing is 0, absurdly long or foreign is out of every range."""
    if not text:
        return 0
    if len(text) > 5 or not (text.isascii() and text.isdigit()):
        return 99_999
    return int(text)
