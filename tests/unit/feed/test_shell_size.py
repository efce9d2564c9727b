"""Which size is told to which backend, and when."""

from __future__ import annotations

from agentdash.feed.shell_size import SETTLE_S, ForeignSize, Sizing

OURS = (24, 80)


def rows_told_by(output: bytes, rows: int) -> int:
    """Rows that a program is said to draw for after this."""
    foreign = ForeignSize()
    foreign.saw(output, rows, 80, 100.0)
    return foreign.rows


def test_a_buffered_session_takes_every_size_and_draws_anew_on_a_return() -> None:
    sizing = Sizing()
    assert sizing.attach(OURS, is_return=False) == OURS
    assert sizing.opened(OURS) == []
    assert sizing.resized((30, 90)) == [(30, 90)]
    assert sizing.attach((30, 90), is_return=True) == (29, 90)
    assert sizing.opened((30, 90)) == [(30, 90)]
    assert sizing.first_key((30, 90)) == []
    assert Sizing().attach((1, 80), is_return=True) == (1, 80)


def test_a_size_that_changed_while_it_was_opened_is_told() -> None:
    sizing = Sizing()
    sizing.attach(OURS, is_return=False)
    assert sizing.opened((40, 100)) == [(40, 100)]


def test_a_screen_session_comes_back_in_its_last_size_and_takes_ours_after_the_first_key() -> None:
    sizing = Sizing(is_screen=True)
    sizing.attach(OURS, is_return=False)
    sizing.opened(OURS)
    assert sizing.resized((40, 132)) == [(40, 132)]
    assert sizing.attach(OURS, is_return=True) == (40, 132)
    assert sizing.opened(OURS) == []
    assert sizing.resized((25, 80)) == []
    assert sizing.first_key((25, 80)) == [(0.0, (25, 80))]
    assert sizing.first_key((25, 80)) == []
    assert sizing.resized((26, 80)) == [(26, 80)]


def test_a_screen_session_that_is_told_the_same_size_needs_another_one_between() -> None:
    sizing = Sizing(is_screen=True)
    sizing.attach(OURS, is_return=False)
    sizing.opened(OURS)
    assert sizing.attach(OURS, is_return=True) == OURS
    assert sizing.first_key(OURS) == [(0.0, (23, 80)), (SETTLE_S, OURS)]


def test_setting_our_size_changes_it_so_that_the_program_notices() -> None:
    assert Sizing().redraw(OURS) == [(0.0, (23, 80)), (0.1, OURS)]
    assert Sizing(is_screen=True).redraw((1, 80)) == [(0.0, (2, 80)), (SETTLE_S, (1, 80))]


def test_rows_below_ours_are_seen_and_searches_for_the_size_are_not() -> None:
    assert rows_told_by(b"\x1b[24;1H\x1b[1;24r\x1b[24d", 24) == 0
    assert rows_told_by(b"\x1b[50;1Hx\x1b[30;1f", 24) == 50
    assert rows_told_by(b"\x1b[1;50r", 24) == 50
    assert rows_told_by(b"\x1b[999;999H\x1b[6n", 24) == 0


OUR_HTOP = b"\x1b[1;24r\x1b[H\x1b[2J\x1b[2d  0[\x1b[23;10HF\x1b[24d F10 Quit"
SMALLER = b"\x1b[H\x1b[2J\x1b[2d  0[\x1b[17;10HF\x1b[18d F10 Quit"


def a_foreign(*, typed_at: float | None = None) -> ForeignSize:
    foreign = ForeignSize()
    foreign.saw(OUR_HTOP, 24, 80, 5.0)
    foreign.look(7.0, lambda: 24)
    assert foreign.sentence == ""
    if typed_at is not None:
        foreign.typed(typed_at)
    return foreign


def test_a_program_that_draws_itself_anew_unasked_and_ends_higher_has_a_smaller_size() -> None:
    foreign = a_foreign()
    foreign.saw(SMALLER[:20], 24, 80, 10.0)
    foreign.saw(SMALLER[20:], 24, 80, 10.1)
    foreign.look(10.5, lambda: 18)
    assert foreign.sentence == ""
    foreign.look(11.0, lambda: 18)
    assert foreign.sentence == "drawn for 18 rows, it seems: another client has set the size; = sets ours"
    foreign.saw(b"\x1b[3;1Hx", 24, 80, 12.0)
    foreign.look(20.0, lambda: 18)
    assert foreign.sentence
    foreign.saw(OUR_HTOP, 24, 80, 21.0)
    assert foreign.sentence == ""


def test_what_is_drawn_anew_after_a_key_is_its_answer() -> None:
    foreign = a_foreign(typed_at=9.0)
    foreign.saw(SMALLER, 24, 80, 10.0)
    foreign.look(12.0, lambda: 18)
    assert foreign.sentence == ""


def test_a_short_text_is_no_smaller_size() -> None:
    foreign = a_foreign()
    foreign.saw(b"\x1b[H\x1b[2Jtext\x1b[5;1H", 24, 80, 10.0)  # vim without a status line: 23 rows of text
    foreign.look(12.0, lambda: 23)
    assert foreign.sentence == ""
    never_full = ForeignSize()
    never_full.saw(SMALLER, 24, 80, 10.0)
    never_full.look(12.0, lambda: 18)
    assert never_full.sentence == ""


def test_what_was_drawn_for_ours_is_remembered_and_forgotten_with_it() -> None:
    foreign = ForeignSize()
    foreign.place(OUR_HTOP, 24)
    foreign.saw(SMALLER, 24, 80, 10.0)
    foreign.look(12.0, lambda: 18)
    assert foreign.sentence
    foreign.ours()
    assert foreign.sentence == ""


def test_columns_beyond_ours_are_seen() -> None:
    foreign = a_foreign()
    foreign.saw(b"\x1b[1;80Hx\x1b[999;999H\x1b[6n", 24, 80, 10.0)
    assert foreign.sentence == ""
    foreign.saw(b"\x1b[24;103H1,1", 24, 80, 10.0)
    assert foreign.sentence.startswith("drawn for 103 columns or more: another client has set the size")
    foreign.saw(b"\x1b[40;1H", 24, 80, 10.0)
    assert (foreign.rows, foreign.sentence) == (40, "")  # one of the two is enough
