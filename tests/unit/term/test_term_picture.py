"""A screen drawn anew from its picture is the same screen."""

from __future__ import annotations

import pytest

from agentdash.term.emulator import Emulator
from agentdash.term.picture import picture
from agentdash.term.style import style_of

from .made_streams import COLUMNS, LINES, RECORDINGS, Maker, recorded


def drawn_anew(emulator: Emulator) -> Emulator:
    found = Emulator(emulator.columns, emulator.lines)
    found.feed(picture(emulator).encode())
    return found


def look(emulator: Emulator) -> list[object]:
    cells = [row.cells(emulator.columns) for row in emulator.rows]
    cursor = emulator.cursor
    return [
        [[(char, style_of(code)) for char, code in zip(*row, strict=True)] for row in cells],
        (min(cursor.x, emulator.columns - 1), cursor.y, style_of(cursor.code)),
        (emulator.top, emulator.bottom),
        emulator.modes,
    ]


@pytest.mark.parametrize("seed", range(60))
def test_made_screens(seed: int) -> None:
    emulator = Emulator(COLUMNS, LINES)
    emulator.feed(Maker(seed).stream(60))
    emulator.modes.mouse = 0
    emulator.modes.application_keypad = False
    assert look(drawn_anew(emulator)) == look(emulator)


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_recorded_screens(name: str, share: float) -> None:
    data = recorded(RECORDINGS[name])
    emulator = Emulator(80, 24)
    emulator.feed(data[: int(len(data) * share)])
    found = drawn_anew(emulator)
    assert found.display == emulator.display
    assert look(found)[:2] == look(emulator)[:2]


def test_wide_and_combined_characters_stay_what_they_are() -> None:
    emulator = Emulator(20, 4)
    emulator.feed("日本 e\u0301 👩\u200d💻 ❤\ufe0f|\r\n\x1b[48;2;1;2;3m  \x1b[K\x1b[38;5;200mx".encode())
    assert look(drawn_anew(emulator)) == look(emulator)


def test_the_screen_behind_is_there_when_the_program_leaves() -> None:
    emulator = Emulator(20, 4)
    emulator.feed(b"\x1b[31m$ vim\r\n\x1b[?1049h\x1b[2;3Hfull")
    found = drawn_anew(emulator)
    found.feed(b"\x1b[?1049l")
    emulator.feed(b"\x1b[?1049l")
    assert look(found)[0] == look(emulator)[0]
    assert (found.cursor.x, found.cursor.y) == (0, 1)
