from __future__ import annotations

import pytest

from agentdash.text.safe import MAX_MARKS, clean, clean_block

ACUTE = "\u0301"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", ""),
        ("plain ASCII ~ !", "plain ASCII ~ !"),
        ("grün 日本語 ● ✗", "grün 日本語 ● ✗"),
        ("two\nlines\tand\rmore", r"two\nlines\tand\rmore"),
        ("\x1b[31mred\x07\x7f\x00", r"\x1b[31mred\x07\x7f\x00"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("gpj.\u202etxt", r"gpj.\u202etxt"),
        ("\u2066a\u2069\u200e\u200f\u061c", r"\u2066a\u2069\u200e\u200f\u061c"),
        ("a\u200bb\u2060c\ufeffd\u00ade", r"a\u200bb\u2060c\ufeffd\xade"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\ud800x\udfff", r"\ud800x\udfff"),
        ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
        ("\ufdd0\uffff\U0001fffe", r"\ufdd0\uffff\U0001fffe"),
        ("\u3164\uffa0\u115f\u034f", r"\u3164\uffa0\u115f\u034f"),
        ("\U0010eeee", r"\U0010eeee"),
        ("a\u00a0b\u202fc\u3000d", "a b c  d"),
        ("🏽 a🏽 👍🏽🏽", r"\U0001f3fd a\U0001f3fd 👍🏽\U0001f3fd"),
        ("\u1161", r"\u1161"),
        ("\u1112\u1161\u11ab", "\u1112\u1161\u11ab"),
        ("icon \ue0b0 \U000f0001", "icon \ue0b0 \U000f0001"),
        ("new emoji \U0001fae8", "new emoji \U0001fae8"),
    ],
)
def test_a_line_shows_what_it_holds(raw: str, expected: str) -> None:
    assert clean(raw) == expected


def test_plain_text_is_the_same_object() -> None:
    text = "npm ERR! code ELIFECYCLE"
    assert clean(text) is text


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧‍👦", "❤️‍🔥", "👩🏽‍🚀", "1️⃣", "⚠️", "🏳️‍🌈", "👩🏽‍❤️‍💋‍👨🏿", "🇩🇪"])
def test_emoji_stay_whole(emoji: str) -> None:
    assert clean(f"a {emoji} b") == f"a {emoji} b"


def test_joiners_and_selectors_between_letters_are_shown() -> None:
    assert clean("ad\u200dmin") == r"ad\u200dmin"
    assert clean("a\ufe0fb 1\ufe0f ❤\ufe0f\ufe0f") == "a\\ufe0fb 1\\ufe0f ❤\ufe0f\\ufe0f"
    assert clean("👩\u200d") == "👩\\u200d"
    assert clean("\u200d👩") == "\\u200d👩"


def test_a_text_selector_after_a_pictograph_is_dropped() -> None:
    assert clean("✔\ufe0e done") == "✔ done"
    assert clean("a\ufe0e") == r"a\ufe0e"


def test_endless_joining_is_bounded() -> None:
    for link in ("👩\u200d", "👩🏽\u200d"):
        assert clean(link * 50 + "👩").count("\u200d") <= 50 * 4 // 5
        assert r"\u200d" in clean(link * 50 + "👩")


def test_combining_marks_are_bounded() -> None:
    assert clean("e" + ACUTE * MAX_MARKS) == "e" + ACUTE * MAX_MARKS
    assert clean("e" + ACUTE * 500 + "x") == "e" + ACUTE * MAX_MARKS + "…x"


def test_a_mark_without_a_base_is_shown() -> None:
    assert clean(ACUTE + "x") == r"\u0301x"
    assert clean_block("a\n" + ACUTE) == "a\n\\u0301"


@pytest.mark.parametrize("limit", [0, 1, 2, 10])
def test_length_is_limited_with_an_ellipsis(limit: int) -> None:
    for raw in ("x" * 50, "ü" * 50, "\x00" * 50):
        cleaned = clean(raw, limit)
        assert len(cleaned) == limit
        assert cleaned.endswith("…") or not limit


def test_no_joiner_dangles_at_the_cut() -> None:
    assert clean("👩\u200d👩\u200d👩", 3) == "👩…"


def test_a_block_keeps_lines_and_expands_tabs() -> None:
    assert clean_block("a\tb\r\nüü\tc\rd\x1b") == "a       b\nüü      c\\rd\\x1b"


def test_a_block_of_tabs_is_limited() -> None:
    cleaned = clean_block("\t" * 5000, 100)
    assert len(cleaned) == 100
    assert cleaned.endswith("…")
