"""A new size: lines wrap anew, on screen and in the scrollback, and nothing is lost."""

from __future__ import annotations

import pytest

from agentdash.term.emulator import Emulator
from agentdash.term.style import Style


def shown(emulator: Emulator) -> list[str]:
    return [row.rstrip() for row in emulator.display]


def fed(data: str, columns: int = 20, lines: int = 6) -> Emulator:
    emulator = Emulator(columns, lines, 10_000)
    emulator.feed(data.encode())
    return emulator


def whole_text(emulator: Emulator) -> str:
    """All text with wrapped lines joined."""
    return "".join(line.text + ("" if line.wrapped else "\n") for line in emulator.text()).rstrip("\n")


def test_a_wrapped_line_is_joined_and_wrapped_anew() -> None:
    emulator = fed("abcdefghij" * 3 + "\r\n$ ")
    emulator.resize(6, 30)
    assert shown(emulator)[:2] == ["abcdefghij" * 3, "$"]
    assert (emulator.cursor.x, emulator.cursor.y) == (2, 1)
    emulator.resize(6, 10)
    # as in tmux the blank lines below count, so that the first rows leave the screen
    assert [line.text for line in emulator.text()] == ["abcdefghij"] * 3 + ["$"]
    assert shown(emulator)[emulator.cursor.y] == "$"
    assert emulator.cursor.x == 2


def test_lines_that_were_ended_stay_apart() -> None:
    emulator = fed("a" * 20 + "\r\n" + "b" * 5)
    emulator.resize(6, 40)
    assert shown(emulator)[:2] == ["a" * 20, "b" * 5]


@pytest.mark.parametrize(
    "sizes", [[(6, 7), (6, 20)], [(3, 33), (12, 5), (6, 20)], [(2, 2), (6, 20)], [(24, 80), (1, 1), (6, 20)]]
)
def test_no_text_is_lost_on_the_way(sizes: list[tuple[int, int]]) -> None:
    emulator = fed("".join(f"line {n} " + "x" * (n * 3 % 50) + "\r\n" for n in range(40)) + "end")
    before = whole_text(emulator)
    for lines, columns in sizes:
        emulator.resize(lines, columns)
        assert whole_text(emulator) == before
        assert emulator.faults == 0


def test_styles_and_wide_characters_survive() -> None:
    emulator = fed("\x1b[31m" + "好" * 12 + "\x1b[m!")
    emulator.resize(6, 7)
    assert [line.text for line in emulator.text()] == ["好好好"] * 3 + ["好好好!"]
    emulator.resize(6, 40)
    assert emulator.row(0) == [("好" * 12, Style(fg=1)), ("!", Style())]


def test_the_scrollback_is_wrapped_too() -> None:
    emulator = fed(("abcdefghij" * 3 + "\r\n") * 10)
    emulator.resize(6, 30)
    assert [emulator.history_row(at)[0][0] for at in range(emulator.history_len)] == [
        "abcdefghij" * 3
    ] * emulator.history_len
    emulator.resize(6, 15)
    assert emulator.history_row(0)[0][0] == "abcdefghijabcde"
    assert emulator.history_row(1)[0][0] == "fghijabcdefghij"


def test_growing_takes_lines_back_and_shrinking_keeps_the_cursor() -> None:
    emulator = fed("".join(f"{n}\r\n" for n in range(12)) + "$")
    emulator.resize(9)
    assert shown(emulator) == ["4", "5", "6", "7", "8", "9", "10", "11", "$"]
    emulator.resize(3)
    assert shown(emulator) == ["10", "11", "$"]
    assert emulator.cursor.y == 2


def test_empty_lines_below_the_cursor_go_first() -> None:
    emulator = fed("1\r\n2")
    emulator.resize(3)
    assert shown(emulator) == ["1", "2", ""]
    assert emulator.history_len == 0


def test_cleared_lines_do_not_come_back() -> None:
    emulator = fed("old\r\n" * 10 + "\x1b[H\x1b[2J$")
    emulator.resize(12)
    assert shown(emulator) == ["$"] + [""] * 11


def test_the_alternate_screen_is_cut_and_the_main_one_follows_later() -> None:
    emulator = fed("abcdefghij" * 3 + "\x1b[?1049h\x1b[Hfull screen program")
    emulator.resize(4, 10)
    assert shown(emulator)[0] == "full scree"
    emulator.feed(b"\x1b[?1049l")
    assert [line.text for line in emulator.text()] == ["abcdefghij"] * 3
    emulator.feed(b"!")
    assert [line.text for line in emulator.text()] == ["abcdefghij"] * 3 + ["!"]


def test_a_resize_resets_region_and_tab_stops() -> None:
    emulator = fed("\x1b[2;4r\x1b[3g")
    emulator.resize(10, 40)
    assert (emulator.top, emulator.bottom) == (0, 9)
    emulator.feed(b"\r\tx\x1b[99;99H")
    assert emulator.cursor.x == 39
    assert shown(emulator)[0][8:] == "x"


def test_the_same_size_changes_nothing() -> None:
    emulator = fed("x\x1b[2;4r")
    emulator.take_dirty()
    emulator.resize(6, 20)
    assert emulator.take_dirty() == frozenset()
    assert emulator.top == 1


def test_everything_is_painted_after_a_resize() -> None:
    emulator = fed("x")
    emulator.take_dirty()
    emulator.resize(4, 18)
    assert emulator.take_dirty() == frozenset(range(4))
