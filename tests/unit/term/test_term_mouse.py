"""Mouse and focus events by mode."""

from __future__ import annotations

import pytest

from agentdash.term.modes import Modes
from agentdash.term.mouse import Mouse, encode_focus, encode_mouse, encode_wheel_as_keys


def sgr(mouse: int) -> Modes:
    return Modes(mouse=mouse, mouse_sgr=True)


@pytest.mark.parametrize("event", Mouse)
def test_nothing_is_sent_unasked(event: Mouse) -> None:
    assert encode_mouse(event, 3, 4, Modes(mouse_sgr=True), button=1) is None


@pytest.mark.parametrize("mode", [1000, 1002, 1003])
def test_buttons_and_wheel_in_every_mode(mode: int) -> None:
    assert encode_mouse(Mouse.PRESS, 0, 0, sgr(mode), button=1) == "\x1b[<0;1;1M"
    assert encode_mouse(Mouse.PRESS, 9, 4, sgr(mode), button=2) == "\x1b[<1;10;5M"
    assert encode_mouse(Mouse.RELEASE, 299, 4, sgr(mode), button=3) == "\x1b[<2;300;5m"
    assert encode_mouse(Mouse.WHEEL_UP, 0, 0, sgr(mode)) == "\x1b[<64;1;1M"
    assert encode_mouse(Mouse.WHEEL_DOWN, 0, 0, sgr(mode)) == "\x1b[<65;1;1M"
    assert encode_mouse(Mouse.WHEEL_LEFT, 0, 0, sgr(mode)) == "\x1b[<66;1;1M"
    assert encode_mouse(Mouse.WHEEL_RIGHT, 0, 0, sgr(mode)) == "\x1b[<67;1;1M"


@pytest.mark.parametrize(
    ("mode", "button", "sent"),
    [(1000, 1, None), (1000, 0, None), (1002, 1, "\x1b[<32;2;3M"), (1002, 0, None), (1003, 3, "\x1b[<34;2;3M"),
     (1003, 0, "\x1b[<35;2;3M")],
)  # fmt: skip
def test_moves_by_mode(mode: int, button: int, sent: str | None) -> None:
    assert encode_mouse(Mouse.MOVE, 1, 2, sgr(mode), button=button) == sent


def test_modifiers_are_added() -> None:
    sent = encode_mouse(Mouse.PRESS, 0, 0, sgr(1000), button=1, shift=True, alt=True, ctrl=True)
    assert sent == "\x1b[<28;1;1M"


def test_an_unknown_button_is_not_told() -> None:
    assert encode_mouse(Mouse.PRESS, 0, 0, sgr(1000), button=0) is None
    assert encode_mouse(Mouse.PRESS, 0, 0, sgr(1000), button=8) is None


def test_the_old_form_only_where_it_is_ascii() -> None:
    old = Modes(mouse=1002)
    assert encode_mouse(Mouse.PRESS, 0, 1, old, button=1) == '\x1b[M !"'
    assert encode_mouse(Mouse.RELEASE, 0, 1, old, button=1) == '\x1b[M#!"'
    last = encode_mouse(Mouse.PRESS, 94, 94, old, button=1)
    assert last == "\x1b[M \x7f\x7f"
    assert last.isascii()
    assert encode_mouse(Mouse.PRESS, 95, 0, old, button=1) is None
    assert encode_mouse(Mouse.PRESS, 0, 95, old, button=1) is None


def test_focus() -> None:
    assert encode_focus(True, Modes()) is None
    assert encode_focus(True, Modes(focus_events=True)) == "\x1b[I"
    assert encode_focus(False, Modes(focus_events=True)) == "\x1b[O"


def test_the_wheel_types_arrows_in_full_screen_programs_without_mouse() -> None:
    assert encode_wheel_as_keys(Mouse.WHEEL_UP, Modes(alternate_screen=True)) == "\x1b[A" * 3
    assert (
        encode_wheel_as_keys(Mouse.WHEEL_DOWN, Modes(alternate_screen=True, application_cursor=True))
        == "\x1bOB" * 3
    )
    assert encode_wheel_as_keys(Mouse.WHEEL_LEFT, Modes(alternate_screen=True)) is None
    assert encode_wheel_as_keys(Mouse.WHEEL_UP, Modes()) is None
    assert encode_wheel_as_keys(Mouse.WHEEL_UP, Modes(alternate_screen=True, mouse=1000)) is None
    assert encode_wheel_as_keys(Mouse.WHEEL_UP, Modes(alternate_screen=True, alternate_scroll=False)) is None
