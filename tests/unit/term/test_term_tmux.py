"""The picture against tmux's: recorded sessions, made streams, resizes; and where they differ on purpose."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator

import pytest

from agentdash.term.emulator import Emulator
from agentdash.term.style import style_of

from .made_streams import COLUMNS, LINES, RECORDINGS, Maker, recorded
from .tmux_pane import Cell, Picture, TmuxPane

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture(scope="module")
def pane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TmuxPane]:
    found = TmuxPane(tmp_path_factory.mktemp("tmux"), COLUMNS, LINES)
    yield found
    found.close()


def drawn(row: list[Cell]) -> list[Cell]:
    """Cells without the blanks at the end: tmux does not capture erased ones, whatever their colour."""
    out = [cell for cell in row if cell[0]]
    while out and out[-1][0] == " ":
        out.pop()
    return out


def picture(emulator: Emulator) -> Picture:
    rows = []
    for row in emulator.rows:
        chars, codes = row.cells(emulator.columns)
        rows.append([(char, style_of(code)) for char, code in zip(chars, codes, strict=True)])
    x = emulator.cursor.x if emulator.modes.autowrap else min(emulator.cursor.x, emulator.columns - 1)
    return Picture(rows, (x, emulator.cursor.y))


def flags(emulator: Emulator) -> dict[str, str]:
    modes = emulator.modes
    found = {
        "alternate_on": modes.alternate_screen,
        "insert_flag": modes.insert,
        "wrap_flag": modes.autowrap,
        "origin_flag": modes.origin,
        "keypad_cursor_flag": modes.application_cursor,
        "keypad_flag": modes.application_keypad,
        "mouse_standard_flag": modes.mouse == 1000,
        "mouse_button_flag": modes.mouse == 1002,
        "mouse_all_flag": modes.mouse == 1003,
        "mouse_sgr_flag": modes.mouse_sgr,
        "cursor_flag": modes.cursor_visible,
    }
    return {name: str(int(value)) for name, value in found.items()}


def compare(ours: Emulator, theirs: Picture, *, modes: bool = True) -> None:
    mine = picture(ours)
    assert ours.faults == 0
    assert mine.lines == theirs.lines
    assert [drawn(row) for row in mine.cells] == [drawn(row) for row in theirs.cells]
    assert mine.cursor == theirs.cursor
    if modes:
        assert flags(ours) == theirs.flags


@pytest.mark.parametrize("seed", range(40))
def test_made_streams(pane: TmuxPane, seed: int) -> None:
    data = Maker(seed).stream(40)
    ours = Emulator(COLUMNS, LINES)
    ours.feed(data)
    theirs = pane.show(data)
    if not ours.modes.autowrap:
        theirs.cursor = (min(theirs.cursor[0], COLUMNS - 1), theirs.cursor[1])
    compare(ours, theirs)


@pytest.mark.parametrize(
    "name", ["vim", "buffered-reconnect", "container", "screen-first", "screen-reconnect"]
)
def test_recorded_sessions(tmp_path: object, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = recorded(RECORDINGS[name])
    if name == "vim":  # the session itself, and what stands while vim is open
        data = data.split(b"\x1b[?1049l")[0]
    pane = TmuxPane(tmp_path_factory.mktemp("tmux"), 80, 24)
    try:
        theirs = pane.show(data)
    finally:
        pane.close()
    ours = Emulator(80, 24)
    ours.feed(data)
    # tmux has no soft reset (screen's first bytes) and so keeps nothing apart: modes are compared in made streams
    compare(ours, theirs, modes=False)


def _lines(rng: random.Random) -> bytes:
    parts = []
    for _ in range(rng.randint(2, 18)):
        parts.append(rng.choice(("abcdefghij" * rng.randint(1, 5), "word", "x" * 20, "é1", "")))
        if rng.random() < 0.3:
            parts.append(f"\x1b[{rng.choice((31, 32, 1))}m")
        parts.append(rng.choice(("\r\n", "\r\n", "\x1b[m\r\n")))
    return "".join(parts).encode()


@pytest.mark.parametrize("seed", range(30))
def test_resize_wraps_anew(pane: TmuxPane, seed: int) -> None:
    rng = random.Random(seed)
    data = _lines(rng)
    columns, lines = rng.choice((7, 10, 19, 21, 33, 60)), rng.choice((2, 3, 5, 6, 8, 12))
    pane.show(data)
    ours = Emulator(COLUMNS, LINES)
    ours.feed(data)
    try:
        theirs = pane.resize(columns, lines)
    finally:
        pane.resize(COLUMNS, LINES)
    ours.resize(lines, columns)
    compare(ours, theirs)


def test_resize_wraps_wide_characters_anew(pane: TmuxPane) -> None:
    data = ("好" * 15 + "\r\n" + "ab" + "界" * 12 + "\r\n$ ").encode()
    pane.show(data)
    ours = Emulator(COLUMNS, LINES)
    ours.feed(data)
    try:
        theirs = pane.resize(7, 12)
    finally:
        pane.resize(COLUMNS, LINES)
    ours.resize(12, 7)
    compare(ours, theirs)


A20 = "a" * 20
TMUX_DIFFERS = {
    # what is sent: why, and who is right
    A20 + "\x1b[Db": "CUB while a wrap is pending: counted from the last column (DEC, xterm); tmux from behind it",
    A20 + "\bb": "the same for BS",
    A20 + "\x1b7\x1b[H\x1b8b": "DECSC keeps the pending wrap (DEC STD 070); tmux loses it",
    A20 + "a\b\bX": "BS stops at the first column (DEC); tmux steps back over a wrap",
    "好b\x1b[2GX": "half of a wide character overwritten: the other half goes (xterm); tmux keeps it",
    "好好\x1b[2G\x1b[X": "the same for ECH",
    "好好\x1b[2G\x1b[P": "the same for DCH",
    "好好\x1b[2G\x1b[@": "the same for ICH",
    "1\r\n2\x1b[1;3H\x1b[LX": "IL and DL go to the first column (DEC STD 070); tmux stays",
    "1\r\n2\x1b[3;4r\x1b[H\x1b[L": "IL outside the region does nothing (DEC); tmux inserts",
    "\x1b[31m\x1b[4hx\x1b[!py\x1b[Gz": "DECSTR resets looks and modes (DEC); tmux ignores it",
    "\x1b[2;4r\x1b[?6h\x1b[3;4rX": "DECSTBM in origin mode homes into the region (DEC); tmux to the screen's corner",
    "\x1b[2IX\x1b[ZY": "CHT (ECMA-48); tmux ignores it",
    "\x1b[2a\x1b[1eX": "HPR and VPR (ECMA-48); tmux ignores them",
    "好\x1b[3b": "REP of any character (ECMA-48); tmux repeats ASCII only",
    "abc\r\x1b[2C\x1b[2b": "REP after a movement is undefined (ECMA-48); tmux draws nothing",
    "\x1b(0lqk\x1b(B": "line drawing in UTF-8 (xterm); tmux 3.3 draws it as letters",
    "\x1b[20hab\ncd": "LNM (ECMA-48); tmux ignores it",
    "\x1b[38;2;1;2mx": "an incomplete colour is dropped whole (xterm); tmux takes its rest for other looks",
    "a\u200bb": "zero-width space dropped: nothing invisible reaches the outer terminal; tmux keeps it",
    "❤\ufe0f|": "VS16 makes wide by the width table; tmux 3.3 does not (3.5 does)",
    "👍🏽|": "a skin tone joins by the width table; tmux 3.3 draws it apart",
    "a\x1b7\x1b[?1049h\x1b8b": "each screen has its own DECSC slot (xterm); tmux has one",
    "a\x1b[?1049h\x1b[?1049l\x1b[5;5H\x1b8b": "1049 saves into the slot of DECSC (xterm); tmux has another",
    "\x1b[2;4r\x1b[?1049h\x1b[?6h\x1b[?1049l\x1b[2;2Hx": "1049 saves origin mode as DECSC does (xterm); tmux does not",
    "\r\nbc\x1b[H\x1b[4h" + A20 + "x": "IRM with a wrap pending: room where the character comes (xterm); tmux before it",
    "\x1b[6H\x1b[41m" + A20 + "a\tb": "a line scrolled in by a wrap has the colour (bce, xterm); in tmux only by LF",
}  # fmt: skip
INVALID = b"a\xffb"


@pytest.mark.parametrize("data", TMUX_DIFFERS.keys(), ids=TMUX_DIFFERS.values())
def test_known_differences(pane: TmuxPane, data: str) -> None:
    """When one of these fails, the two agree: take it out of the table."""
    ours = Emulator(COLUMNS, LINES)
    ours.feed(data.encode())
    theirs = pane.show(data.encode())
    with pytest.raises(AssertionError):
        compare(ours, theirs, modes=False)


def test_invalid_bytes_are_shown(pane: TmuxPane) -> None:
    """Invalid UTF-8 is U+FFFD (Unicode, xterm); tmux drops it."""
    ours = Emulator(COLUMNS, LINES)
    ours.feed(INVALID)
    assert picture(ours).lines[0] == "a\ufffdb"
    assert pane.show(INVALID).lines[0] == "ab"
