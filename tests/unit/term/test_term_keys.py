"""From key names to what a terminal sends, in every mode; pasting."""

from __future__ import annotations

import pytest
from textual._keyboard_protocol import FUNCTIONAL_KEYS, MODIFIER_FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.events import Key
from textual.keys import Keys

from agentdash.term.keys import asks_before_paste, encode_key, paste
from agentdash.term.modes import Modes

NORMAL = Modes()
CURSOR = Modes(application_cursor=True)
KEYPAD = Modes(application_keypad=True)

CURSOR_KEYS = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F", "kp_begin": "E"}
TILDE_KEYS = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19,
              "f9": 20, "f10": 21, "f11": 23, "f12": 24}  # fmt: skip
FUNCTION_KEYS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
MODIFIERS = {
    "shift": 2,
    "alt": 3,
    "alt+shift": 4,
    "ctrl": 5,
    "ctrl+shift": 6,
    "alt+ctrl": 7,
    "alt+ctrl+shift": 8,
}


@pytest.mark.parametrize(("key", "letter"), CURSOR_KEYS.items())
def test_cursor_keys_follow_their_mode(key: str, letter: str) -> None:
    assert encode_key(key, None, NORMAL) == f"\x1b[{letter}"
    assert encode_key(key, None, KEYPAD) == f"\x1b[{letter}"
    assert encode_key(key, None, CURSOR) == f"\x1bO{letter}"


@pytest.mark.parametrize("modes", [NORMAL, CURSOR, KEYPAD], ids=["normal", "cursor", "keypad"])
@pytest.mark.parametrize(("modifier", "number"), MODIFIERS.items())
def test_modified_keys_have_one_form_in_every_mode(modifier: str, number: int, modes: Modes) -> None:
    for key, letter in (CURSOR_KEYS | FUNCTION_KEYS).items():
        assert encode_key(f"{modifier}+{key}", None, modes) == f"\x1b[1;{number}{letter}"
    for key, code in TILDE_KEYS.items():
        assert encode_key(f"{modifier}+{key}", None, modes) == f"\x1b[{code};{number}~"


@pytest.mark.parametrize("modes", [NORMAL, CURSOR, KEYPAD], ids=["normal", "cursor", "keypad"])
def test_editing_and_function_keys(modes: Modes) -> None:
    for key, code in TILDE_KEYS.items():
        assert encode_key(key, None, modes) == f"\x1b[{code}~"
    for key, letter in FUNCTION_KEYS.items():
        assert encode_key(key, None, modes) == f"\x1bO{letter}"
    assert encode_key("f13", None, modes) == "\x1b[1;2P"
    assert encode_key("f20", None, modes) == "\x1b[19;2~"
    assert encode_key("f24", None, modes) == "\x1b[24;2~"
    assert encode_key("ctrl+f13", None, modes) == "\x1b[1;6P"
    assert encode_key("f25", None, modes) == "\x1b[1;5P"


@pytest.mark.parametrize(
    ("key", "character", "sent"),
    [
        ("a", "a", "a"), ("A", "A", "A"), ("é", "é", "é"), ("好", "好", "好"), ("5", "5", "5"),
        ("space", " ", " "), ("full_stop", ".", "."), ("slash", "/", "/"), ("at", "@", "@"),
        ("less_than_sign", "<", "<"), ("plus", "+", "+"), ("full_stop", None, "."), ("plus", None, "+"),
        ("enter", "\r", "\r"), ("return", "\r", "\r"), ("tab", "\t", "\t"), ("escape", "\x1b", "\x1b"),
        ("backspace", "\x7f", "\x7f"), ("backtab", None, "\x1b[Z"), ("shift+tab", None, "\x1b[Z"),
        ("shift+enter", None, "\x1b\r"), ("alt+enter", None, "\x1b\r"), ("ctrl+enter", None, "\r"),
        ("alt+backspace", None, "\x1b\x7f"), ("ctrl+backspace", None, "\x08"), ("ctrl+h", None, "\x08"),
        ("alt+space", None, "\x1b "), ("alt+x", "x", "\x1bx"), ("alt+x", None, "\x1bx"), ("alt+shift+x", "X", "\x1bX"),
        ("alt+shift+x", None, "\x1bX"), ("alt+full_stop", None, "\x1b."), ("alt+escape", None, "\x1b\x1b"),
        ("shift+escape", "\x9b", "\x1b"), ("alt+tab", None, "\x1b\t"),
        ("ctrl+@", "\x00", "\x00"), ("ctrl+at", None, "\x00"), ("ctrl+space", None, "\x00"), ("ctrl-at", None, "\x00"),
        ("ctrl+c", "\x03", "\x03"), ("ctrl+shift+c", None, "\x03"), ("alt+ctrl+c", None, "\x1b\x03"),
        ("ctrl+i", None, "\t"), ("ctrl+j", "\n", "\n"), ("newline", None, "\n"), ("ctrl+m", None, "\r"),
        ("ctrl+left_square_bracket", None, "\x1b"), ("ctrl+left_square_brace", None, "\x1b"),
        ("ctrl+backslash", "\x1c", "\x1c"), ("ctrl+right_square_bracket", "\x1d", "\x1d"),
        ("ctrl+circumflex_accent", "\x1e", "\x1e"), ("ctrl+underscore", "\x1f", "\x1f"), ("ctrl+minus", None, "\x1f"),
        ("ctrl+slash", None, "\x1f"), ("ctrl+question_mark", None, "\x7f"), ("ctrl+2", None, "\x00"),
        ("ctrl+3", None, "\x1b"), ("ctrl+8", None, "\x7f"), ("ctrl+0", None, "0"), ("ctrl+full_stop", None, "."),
    ],
)  # fmt: skip
def test_typed_keys(key: str, character: str | None, sent: str) -> None:
    for modes in (NORMAL, CURSOR, KEYPAD):
        assert encode_key(key, character, modes) == sent


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz")
def test_control_letters(letter: str) -> None:
    assert encode_key(f"ctrl+{letter}", None, NORMAL) == chr(ord(letter) - 96)
    assert encode_key(f"ctrl+{letter}", None, CURSOR) == chr(ord(letter) - 96)


@pytest.mark.parametrize(
    ("key", "plain", "application"),
    [("decimal", ".", "n"), ("divide", "/", "o"), ("multiply", "*", "j"), ("subtract", "-", "m"), ("add", "+", "k"),
     ("equal", "=", "X"), ("separator", ",", "l")],
)  # fmt: skip
def test_keypad(key: str, plain: str, application: str) -> None:
    assert encode_key(key, None, NORMAL) == plain
    assert encode_key(key, None, CURSOR) == plain
    assert encode_key(key, None, KEYPAD) == f"\x1bO{application}"
    assert encode_key(f"ctrl+{key}", None, KEYPAD) == f"\x1bO5{application}"


def test_enter_in_new_line_mode() -> None:
    assert encode_key("enter", "\r", Modes(newline=True)) == "\r\n"


@pytest.mark.parametrize("key", sorted(MODIFIER_FUNCTIONAL_KEYS))
def test_modifiers_alone_send_nothing(key: str) -> None:
    assert encode_key(key, None, NORMAL) is None


@pytest.mark.parametrize(
    "key",
    ["caps_lock", "num_lock", "scroll_lock", "print_screen", "pause", "menu", "media_play", "mute_volume", "super+x",
     "hyper+a", "<ignore>", "<any>", "<scroll-up>", "f60", "iso_level3_shift"],
)  # fmt: skip
def test_keys_that_send_nothing(key: str) -> None:
    assert encode_key(key, None, NORMAL) is None


SILENT = {Keys.Any, Keys.ScrollUp, Keys.ScrollDown, Keys.Ignore}


@pytest.mark.parametrize("modes", [NORMAL, CURSOR, KEYPAD], ids=["normal", "cursor", "keypad"])
def test_every_key_the_user_interface_names_sends_something(modes: Modes) -> None:
    missing = [key.value for key in Keys if key not in SILENT and not encode_key(key.value, None, modes)]
    assert missing == []


def test_every_functional_key_is_known() -> None:
    quiet = ("_lock", "media_", "_volume", "print_screen", "pause", "menu", "iso_")
    for name in FUNCTIONAL_KEYS.values():
        silent = name in MODIFIER_FUNCTIONAL_KEYS or any(part in name for part in quiet)
        assert (encode_key(name, None, NORMAL) is None) == silent, name


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a", "a"), ("Ä", "Ä"), ("\r", "\r"), ("\t", "\t"), ("\x7f", "\x7f"), ("\x1bx", "\x1bx"), ("\x01", "\x01"),
        ("\x1b[A", "\x1b[A"), ("\x1bOA", "\x1b[A"), ("\x1b[1;5C", "\x1b[1;5C"), ("\x1b[3~", "\x1b[3~"),
        ("\x1b[Z", "\x1b[Z"), ("\x1bOP", "\x1bOP"), ("\x1b[15~", "\x1b[15~"), ("\x1b[24;2~", "\x1b[24;2~"),
        ("\x1b[13;2u", "\x1b\r"), ("\x1b[97;5u", "\x01"), ("\x1b[97;3u", "\x1ba"), ("\x1b[105;5u", "\t"),
        ("\x1b[127;5u", "\x08"), ("\x1b[57441u", ""), ("\x1b[57358u", ""), ("\x1b[27u", "\x1b"), ("\x1b[1;2D", "\x1b[1;2D"),
        ("\x1b[57399u", "0"), ("\x1b[57414u", "\r"), ("\x1b[57410u", "/"), ("\x1b[1;3A", "\x1b[1;3A"),
        ("\x1b[5;3~", "\x1b[5;3~"), ("\x1b[47;5u", "\x1f"), ("\x1b[32;5u", "\x00"), ("\x1b[9;5u", "\t"),
    ],
)  # fmt: skip
def test_through_the_user_interfaces_own_parser(typed: str, sent: str) -> None:
    """What the outer terminal sends, parsed as the user interface does, comes out right."""
    parser = XTermParser()
    events = [event for event in [*parser.feed(typed), *parser.feed("")] if isinstance(event, Key)]
    assert "".join(encode_key(event.key, event.character, NORMAL) or "" for event in events) == sent


def test_paste_in_brackets_cannot_be_left() -> None:
    modes = Modes(bracketed_paste=True)
    assert paste("a\nb\r\nc\td", modes) == "\x1b[200~a\rb\rc\td\x1b[201~"
    hostile = "x\x1b[201~rm -rf\n\x1b[20\x1b[201~1~y\x03\x9b201~"
    inner = paste(hostile, modes).removeprefix("\x1b[200~").removesuffix("\x1b[201~")
    assert "\x1b" not in inner
    assert "\x03" not in inner
    assert "\x9b" not in inner
    assert inner == "xrm -rf\ry201~"


def test_paste_without_brackets() -> None:
    assert paste("a\nb", NORMAL) == "a\rb"
    assert asks_before_paste("a\nb", NORMAL)
    assert not asks_before_paste("ab", NORMAL)
    assert not asks_before_paste("a\nb", Modes(bracketed_paste=True))
