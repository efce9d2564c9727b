"""Which size is told to which backend, and when."""

from __future__ import annotations

from agentdash.feed.shell_size import SETTLE_S, Sizing, rows_drawn_on

OURS = (24, 80)


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
    assert rows_drawn_on(b"\x1b[24;1H\x1b[1;24r\x1b[24d", 24) == 0
    assert rows_drawn_on(b"\x1b[50;1Hx\x1b[30;1f", 24) == 50
    assert rows_drawn_on(b"\x1b[1;50r", 24) == 50
    assert rows_drawn_on(b"\x1b[999;999H\x1b[6n", 24) == 0
