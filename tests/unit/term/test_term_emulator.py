"""What the emulator offers besides the picture: changes, scrollback, modes, titles, limits."""

from __future__ import annotations

import base64
import itertools
import tracemalloc

import pyte
import pytest

from agentdash.term.emulator import Changes, Emulator
from agentdash.term.style import PLAIN, Style


def fed(data: str | bytes, columns: int = 20, lines: int = 6, history: int = 100) -> Emulator:
    emulator = Emulator(columns, lines, history)
    emulator.feed(data.encode() if isinstance(data, str) else data)
    return emulator


def history(emulator: Emulator) -> list[str]:
    return ["".join(text for text, _ in emulator.history_row(at)) for at in range(emulator.history_len)]


def test_pytes_names_hold() -> None:
    emulator = fed("\x1b[1;31mred\x1b[m plain")
    assert isinstance(emulator, pyte.Screen)
    assert (emulator.columns, emulator.lines) == (20, 6)
    assert emulator.display[0] == "red plain" + " " * 11
    assert emulator.buffer[0][0] == pyte.screens.Char("r", "red", "default", bold=True)
    assert emulator.buffer[0][4] == pyte.screens.Char("p")
    assert emulator.buffer[5][19] == pyte.screens.Char(" ")
    assert (emulator.cursor.x, emulator.cursor.y, emulator.cursor.hidden) == (9, 0, False)
    emulator.feed(b"\x1b[?25l")
    assert emulator.cursor.hidden


def test_row_gives_joined_runs_without_blanks_at_the_end() -> None:
    emulator = fed("ab\x1b[31mcd\x1b[31mef\x1b[m  \r\n\x1b[44m  \x1b[m")
    assert emulator.row(0) == [("ab", PLAIN), ("cdef", Style(fg=1))]
    assert emulator.row(1) == [("  ", Style(bg=4))]
    assert emulator.row(2) == []


def test_equal_styles_are_one_object() -> None:
    emulator = fed("\x1b[1;38;2;1;2;3mx\r\n\x1b[m\x1b[38;2;1;2;3;1my")
    assert emulator.row(0)[0][1] is emulator.row(1)[0][1]


def test_reverse_video_inverts_the_whole_row() -> None:
    emulator = fed("ab\x1b[7mc\x1b[m\x1b[?5h")
    assert emulator.row(0) == [
        ("ab", Style(reverse=True)),
        ("c", PLAIN),
        (" " * 17, Style(reverse=True)),
    ]


def test_only_what_was_drawn_is_dirty() -> None:
    emulator = fed("a\r\nb")
    emulator.take_dirty()
    emulator.feed(b"\x1b[4;1Hx\x1b[2;2H")
    assert emulator.dirty == {3}
    assert emulator.take_dirty() == {3}
    assert emulator.take_dirty() == frozenset()


def test_scrolling_is_told_apart_from_change() -> None:
    emulator = fed("1\r\n2\r\n3\r\n4\r\n5\r\n6")
    emulator.take_changes()
    emulator.feed(b"\r\n7")
    assert emulator.take_changes() == Changes(1, frozenset({5}))
    emulator.feed(b"\x1b[1;1Hx\x1b[6;1H\n\nend")
    # the row that was drawn first has moved out of the picture
    assert emulator.take_changes() == Changes(2, frozenset({4, 5}))
    emulator.feed(b"\r\n".join(b"%d" % n for n in range(10)))
    assert emulator.take_changes() == Changes(0, frozenset(range(6)))


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_changes_are_enough_to_keep_a_copy(chunk: int) -> None:
    data = b"".join(b"\x1b[3%dmline %d\r\n" % (n % 8, n) for n in range(30))
    data += b"\x1b[2;4r\x1b[4;1H\n\n\x1b[r\x1b[3;3Hx\x1b[2L\x1b[6;1H\r\nend\x1b[?1049hin\x1b[?1049lout\x1b[2J\x1b[H!"
    emulator = Emulator(20, 6)
    copy = [emulator.row(y) for y in range(6)]
    for at in range(0, len(data), chunk):
        emulator.feed(data[at : at + chunk])
        scrolled, rows = emulator.take_changes()
        copy = copy[scrolled:] + [[]] * scrolled
        for y in rows:
            copy[y] = emulator.row(y)
        assert copy == [emulator.row(y) for y in range(6)]


def test_what_leaves_the_top_is_kept_up_to_the_limit() -> None:
    emulator = fed("".join(f"\x1b[3{n % 8}mline {n}\x1b[m\r\n" for n in range(200)))
    assert emulator.history_len == 100
    assert history(emulator)[0] == "line 95"
    assert history(emulator)[-1] == "line 194"
    assert emulator.history_row(0) == [("line 95", Style(fg=7))]


@pytest.mark.parametrize("end", ["\r\n", "\n\r", "\x1b[m\r\n"])
def test_lines_that_went_into_the_scrollback_are_counted_beyond_its_limit(end: str) -> None:
    emulator = fed(f"line{end}" * 205)
    assert emulator.history_len == 100
    assert emulator.history_total == 200
    emulator.feed(b"\x1b[2J")
    assert emulator.history_total == 205


def test_the_fast_path_for_plain_lines_equals_the_slow_one() -> None:
    lines = [f"{n} {'x' * (n % 25)}\r\n" for n in range(150)]
    whole = fed("".join(lines))
    slow = Emulator(20, 6, 100)
    for char in "".join(lines):
        slow.feed(char.encode())
    assert whole.display == slow.display
    assert history(whole) == history(slow)


def test_no_history_is_kept_when_none_is_wanted() -> None:
    assert fed("x\r\n" * 50, history=0).history_len == 0


def test_a_region_further_down_is_no_output() -> None:
    assert fed("a\r\nb\r\nc\x1b[2;4r\x1b[4;1H\n\n\n").history_len == 0


def test_a_region_from_the_top_is_output_above_a_status_line() -> None:
    # as package managers do it: the last line holds the progress
    emulator = fed("\x1b[1;5r\x1b[5;1Hone\r\ntwo\r\nthree")
    assert emulator.history_len == 2


def test_the_alternate_screen_leaves_no_history() -> None:
    emulator = fed("shell\x1b[?1049h" + "x\r\n" * 50 + "\x1b[?1049l")
    assert emulator.history_len == 0
    assert emulator.display[0].rstrip() == "shell"


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("\x1b[2;3H\x1b[?1049h\x1b[?1049l\x1b[4;5H", (2, 1)),
        ("\x1b[?1049h\x1b[?1049l\x1b[4;5H", (0, 0)),
        ("\x1b[2;3H\x1b7\x1b[4;5H", (2, 1)),
        ("\x1b[4;5H", (4, 3)),
    ],
    ids=["saved by the switch", "saved at home", "saved apart", "never saved"],
)
def test_a_screen_left_twice_takes_its_cursor_back_twice(before: str, place: tuple[int, int]) -> None:
    emulator = fed(before + "\x1b[?1049l")
    assert (emulator.cursor.x, emulator.cursor.y) == place


def test_clearing_loses_no_output_and_clearing_the_scrollback_does() -> None:
    emulator = fed("one\r\ntwo\x1b[H\x1b[2J$ ")
    assert history(emulator) == ["one", "two"]
    assert emulator.display[0].rstrip() == "$"
    emulator.feed(b"\x1b[3J")
    assert emulator.history_len == 0


def test_text_for_saving_knows_wrapped_lines() -> None:
    emulator = fed("a" * 45 + "\r\nend\r\n" * 6)
    assert [(len(line.text), line.wrapped) for line in emulator.text()[:4]] == [
        (20, True), (20, True), (5, False), (3, False)]  # fmt: skip
    assert emulator.text()[-1] == ("end", False)


def test_modes() -> None:
    emulator = fed(
        "\x1b[?1h\x1b=\x1b[?2004;1004;1006;1002h\x1b[?2026h\x1b[4h\x1b[?7l\x1b[?6h\x1b[?25l\x1b[6 q\x1b[?1049h"
    )
    modes = emulator.modes
    assert modes.application_cursor
    assert modes.application_keypad
    assert modes.bracketed_paste
    assert modes.focus_events
    assert modes.mouse_sgr
    assert modes.mouse == 1002
    assert modes.synchronized
    assert modes.insert
    assert not modes.autowrap
    assert modes.origin
    assert not modes.cursor_visible
    assert modes.cursor_shape == "bar"
    assert not modes.cursor_blink
    assert modes.alternate_screen
    emulator.feed(b"\x1b[?1000h\x1b[?1000l\x1b[?1049l\x1b[!p")
    modes = emulator.modes
    assert modes.mouse == 0
    assert not modes.alternate_screen
    assert modes.autowrap
    assert modes.cursor_visible
    assert not modes.application_cursor


def test_reset_before_a_replay_forgets_everything() -> None:
    emulator = fed("old\r\n" * 20 + "\x1b]2;t\x07\x1b[?1049h\x1b[?2004h\x1b[31;44m\x1b[2;4r\x1b[c\x1b[3")
    emulator.reset()
    emulator.feed(b"1mnew")  # not the rest of the sequence that was cut
    assert [row.rstrip() for row in emulator.display] == ["1mnew", "", "", "", "", ""]
    assert emulator.row(0) == [("1mnew", PLAIN)]
    assert emulator.history_len == 0
    assert emulator.title == ""
    assert emulator.take_replies() == ""
    assert not emulator.modes.bracketed_paste
    assert not emulator.modes.alternate_screen
    assert (emulator.top, emulator.bottom) == (0, 5)


def test_reset_may_keep_the_scrollback() -> None:
    emulator = fed("old\r\n" * 8)
    emulator.reset(keep_history=True)
    assert history(emulator) == ["old"] * 8
    assert emulator.display[0].strip() == ""


def test_bells_are_counted() -> None:
    assert fed("a\x07b\x07\x1b]0;t\x07").bell == 2


def test_clipboard_only_with_permission() -> None:
    request = b"\x1b]52;c;" + base64.b64encode("grüß".encode()) + b"\x07"
    emulator = Emulator(20, 6)
    emulator.feed(request)
    assert emulator.take_clipboard() is None
    emulator.allow_clipboard = True
    emulator.feed(request)
    assert emulator.take_clipboard() == "grüß"
    assert emulator.take_clipboard() is None
    emulator.feed(b"\x1b]52;c;?\x07\x1b]52;c;%%%\x07")
    assert emulator.take_clipboard() is None
    assert emulator.take_replies() == ""


def test_colours_for_questions_are_the_panes() -> None:
    emulator = Emulator(20, 6)
    emulator.foreground, emulator.background = (1, 2, 3), (0xFE, 0, 16)
    emulator.feed(b"\x1b]10;?\x07\x1b]11;?\x07")
    assert emulator.take_replies() == "\x1b]10;rgb:0101/0202/0303\x1b\\\x1b]11;rgb:fefe/0000/1010\x1b\\"


def test_a_flood_of_questions_is_answered_in_part() -> None:
    emulator = fed("\x1b[c" * 10_000)
    assert 0 < len(emulator.take_replies()) <= 4096


@pytest.mark.parametrize(
    "opener", ["\x1b]0;", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1bk", "\x1b[", "\x1b]52;c;", "\x1b("]
)
def test_strings_without_an_end_take_bounded_memory(opener: str) -> None:
    emulator = fed(opener)
    part = b"1;" * 32_768
    emulator.feed(part)
    tracemalloc.start()
    for _ in range(20):
        emulator.feed(part)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000
    assert len(emulator._stream._open) <= 2048
    emulator.feed(b"\x18\x1b[H\x1b[2Jok")
    assert emulator.display[0].rstrip() == "ok"


def test_a_title_is_cut_and_an_absurd_one_ignored() -> None:
    assert len(fed("\x1b]2;" + "x" * 5000 + "\x07").title) == 1024
    assert fed("\x1b]2;a\x07\x1b]2;" + "x" * 50_000 + "\x07").title == "a"


def test_marks_on_one_cell_are_bounded() -> None:
    emulator = fed("a" + "\u0323" * 500 + "b")
    assert emulator.cursor.x == 2
    assert len(emulator.display[0]) < 40


def test_many_different_sequences_are_not_remembered_for_ever() -> None:
    emulator = Emulator(20, 6)
    for n in range(20_000):
        emulator.feed(
            b"\x1b[38;2;%d;%d;%dm\x1b[%d;%dr\x1b[%d;%dH" % (n % 256, n // 256, 7, n, n + 1, n, n * 3)
        )
    controls = emulator._stream.controls
    assert 1_000 < len(controls.known) <= 16_384


def test_a_fault_costs_one_chunk_not_the_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = fed("before")

    def broken(*_: object) -> None:
        emulator.rows.clear()
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(emulator, "draw", broken)
        emulator.feed("é".encode())
    assert emulator.faults == 1
    assert "secret" not in caplog.text
    emulator.feed(b"\x1b[Hafter")
    assert emulator.display[0].rstrip() == "after"


def test_sizes_are_kept_in_bounds() -> None:
    emulator = Emulator(0, -3)
    assert (emulator.columns, emulator.lines) == (1, 1)
    emulator.resize(10**9, 10**9)
    assert emulator.columns <= 4096
    assert emulator.lines <= 2048


def test_what_is_left_of_a_wide_character_has_no_look() -> None:
    for edit in ("\x1b[2G\x1b[m\x1b[@", "\x1b[2G\x1b[m\x1b[X", "\x1b[2Gx"):
        emulator = fed("\x1b[41m好\x1b[m!" + edit)
        assert emulator.buffer[0][0] == pyte.screens.Char(" ")


def test_splitting_a_wide_picture_anywhere_changes_nothing() -> None:
    data = (
        "好\x1b[31mé\u0301👩\u200d💻\x1b]2;tü\x1b\\❤\ufe0f\x1b[2;3H終\r\n🇩🇪\x1b[?1049hx\x1b[?1049ly".encode()
    )
    whole = fed(data)
    for first, second in itertools.combinations(range(len(data)), 2):
        if (first + second) % 7:
            continue
        parts = fed(b"")
        for part in (data[:first], data[first:second], data[second:]):
            parts.feed(part)
        assert parts.display == whole.display
        assert parts.title == whole.title
        assert [parts.row(y) for y in range(6)] == [whole.row(y) for y in range(6)]
