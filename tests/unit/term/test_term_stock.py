"""The picture against stock pyte's, on what stock pyte gets right."""

from __future__ import annotations

import random
import unicodedata
from typing import Any

import pyte
import pytest

from agentdash.term.emulator import Emulator

from .made_streams import RECORDINGS, recorded


class Tolerant(pyte.Screen):
    """Stock pyte raises on private sequences that vim sends; this plays over them."""

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attrs)

    def report_device_status(self, mode: int = 0, *_: Any, private: bool = False) -> None:
        if not private:
            super().report_device_status(mode)


def stream(seed: int) -> bytes:
    """Text, colours, movement and erasing, without what stock has wrong.

    That is backgrounds (stock erases and scrolls in the whole look or none), IL and DL (it leaves lines
    behind), regions (a line feed below one goes up), edits in the middle of wide characters.
    """
    rng = random.Random(seed)
    parts = []
    for _ in range(60):
        kind = rng.random()
        if kind < 0.4:
            parts.append(rng.choice(("a", "hello", "x" * 30, "─│┌", "é", "  ", "Жук")))
        elif kind < 0.55:
            parts.append(rng.choice(("\r\n", "\r\n", "\r", "\n", "\b", "\t")))
        elif kind < 0.7:
            looks = rng.choices(
                ("0", "1", "3", "4", "7", "9", "31", "93", "38;5;200", "38;2;1;2;3", "22", "39"), k=2
            )
            parts.append(f"\x1b[{';'.join(looks)}m")
        elif kind < 0.85:
            parts.append(f"\x1b[m\x1b[{rng.randint(1, 6)};1H" + rng.choice(("\x1b[K", "\x1b[2K", "\x1b[J")))
        elif kind < 0.95:
            parts.append(
                f"\x1b[{rng.randint(1, 7)};{rng.randint(1, 10) * 2}H" if rng.random() < 0.3 else "\x1b[H"
            )
            parts.append("\x1b[m\x1b[2K")
        else:
            parts.append(rng.choice(("\x1bM", "\x1bD")))
    return "".join(parts).encode()


def same(data: bytes, columns: int, lines: int, *, looks: bool = True) -> None:
    """Assert that both show the same."""
    stock = Tolerant(columns, lines)
    pyte.ByteStream(stock).feed(data)
    ours = Emulator(columns, lines)
    ours.feed(data)
    assert ours.faults == 0
    for y in range(lines):
        mine = [ours.buffer[y][x] for x in range(columns)]
        theirs = [stock.buffer[y][x] for x in range(columns)]
        text = "".join(cell.data for cell in theirs)
        assert "".join(cell.data for cell in mine) == unicodedata.normalize("NFC", text)
        if looks:
            assert [cell for cell in mine if cell.data] == [cell for cell in theirs if cell.data]
    assert (ours.cursor.x, ours.cursor.y) == (stock.cursor.x, stock.cursor.y)
    assert ours.title == stock.title


@pytest.mark.parametrize("seed", range(120))
def test_made_streams(seed: int) -> None:
    same(stream(seed), 40, 6)


def test_wide_characters_in_lines() -> None:
    rng = random.Random(7)
    lines = ["".join(rng.choices("好世界a é─", k=rng.randint(1, 18))) for _ in range(200)]
    same("\r\n".join(lines).encode(), 40, 6)


@pytest.mark.parametrize("name", ["buffered-reconnect", "container", "screen-reconnect", "shared-one"])
def test_recorded_shells(name: str) -> None:
    # looks are left out: an erased cell has the background only, stock gives it the whole look
    same(recorded(RECORDINGS[name]).replace(b"\x1b[!p", b""), 80, 24, looks=False)


STOCK_IS_WRONG = {
    "alternate screen": b"main\x1b[?1049halt\x1b[?1049l",
    "strings are printed": b"\x1bPq\x1b\\ok",
    "colon colours are printed": b"\x1b[4:3mok",
    "soft reset is printed": b"\x1b[!pok",
    "private sequences are taken for others": b"\x1b[>4;2mok",
    "a joiner loses the rest": "👩\u200d💻abc".encode(),
    "a half of a wide character stays": "好\x1b[1GX".encode(),
    "a wide character in the last column": b"a" * 39 + "好".encode(),
    "DECRC takes its slot away": b"ab\x1b7cd\x1b8X\x1b8Y",
    "NEL stays in its column": b"ab\x1bEc",
    "line drawing in UTF-8": b"\x1b(0lqk",
    "upwards from above the region goes down": b"\x1b[3;5r\x1b[1;1H\x1b[Ax",
    "bright magenta": b"\x1b[105mx",
    "DL of a line never drawn on": b"x\x1b[H\x1b[M",
    "erasing underlines": b"\x1b[4m\x1b[2K",
}


@pytest.mark.parametrize("data", STOCK_IS_WRONG.values(), ids=STOCK_IS_WRONG.keys())
def test_where_stock_is_wrong_the_pictures_differ(data: bytes) -> None:
    """When one of these fails, pyte has mended it: take it out of the table."""
    with pytest.raises(AssertionError):
        same(data, 40, 6)
