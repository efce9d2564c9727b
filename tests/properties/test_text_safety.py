"""Whatever the bytes, cleaned text can neither steer the terminal nor hide anything."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from agentdash.text.safe import clean, clean_block
from agentdash.text.sgr import PLAIN, parse
from agentdash.text.width import cell_width, clusters, cut, cut_middle, fit

INVISIBLE = {
    *map(chr, range(0xFE00, 0xFE0F)),
    "\u034f",
    "\u115f",
    "\u1160",
    "\u3164",
    "\uffa0",
    "\u17b4",
    "\u17b5",
}
NASTY = st.sampled_from(
    "\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\u00a0\u00ad\u0301\u034f\u061c\u200b\u200c\u200d\u200e\u2028\u202e\u2066\u3000"
    "\ufe0e\ufe0f\ufeff\ufff9\uffff\u20e3\U000e0041\U0010eeee1#👩🏽❤🇩日"
)
ANYTHING = st.text(st.characters(exclude_categories=()) | NASTY | NASTY)
LOG_LINE = st.lists(
    st.text(NASTY, max_size=5)
    | st.text(max_size=5)
    | st.from_regex(r"\A\x1b\[[0-9;:]{0,12}[mKJ]\Z")
    | st.sampled_from(["\x1b]8;;http://x\x07", "\x1b[", "\r", "\x1b[31m", "\x1b[0m"])
).map("".join)


def assert_harmless(text: str, keep: str = "") -> None:
    for index, ch in enumerate(text):
        if ch in keep:
            continue
        if ch == "\u200d":
            assert 0 < index < len(text) - 1
            assert ord(text[index + 1]) > 0x203B
            continue
        assert unicodedata.category(ch) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}, ascii(text)
        assert ch not in INVISIBLE
        assert not 0xE0000 <= ord(ch) <= 0xE0FFF
        assert ord(ch) & 0xFFFE != 0xFFFE


@given(ANYTHING, st.integers(0, 60))
@example("\u0301", 60)
@example("👩\u200d👩\u200d👩", 3)
def test_a_clean_line_is_harmless_bounded_and_stays_as_it_is(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert_harmless(cleaned)
    assert len(cleaned) <= limit
    assert clean(cleaned, limit) == cleaned
    cleaned.encode()
    # Nothing takes no room, and no cell holds more than one emoji with its parts.
    assert all(cells > 0 and len(cluster) <= 24 for cluster, cells in clusters(cleaned))


@given(ANYTHING, st.integers(0, 60))
def test_a_clean_block_is_harmless_bounded_and_stays_as_it_is(text: str, limit: int) -> None:
    cleaned = clean_block(text, limit)
    assert_harmless(cleaned, keep="\n")
    assert len(cleaned) <= limit
    assert clean_block(cleaned, limit) == cleaned


@given(LOG_LINE, st.integers(0, 60))
def test_a_log_line_is_harmless_and_its_spans_fit(line: str, limit: int) -> None:
    styled = parse(line, limit)
    assert_harmless(styled.text)
    assert len(styled.text) <= limit
    end = 0
    for span in styled.spans:
        assert end <= span.start < span.end <= len(styled.text)
        assert span.style != PLAIN
        end = span.end


@given(ANYTHING, st.integers(0, 12))
def test_cut_text_fits(text: str, width: int) -> None:
    cleaned = clean(text)
    assert cell_width(cut(cleaned, width)) <= width
    assert cell_width(cut_middle(cleaned, width)) <= width
    assert cell_width(fit(cleaned, width)) == width
    assert "".join(cluster for cluster, _ in clusters(cleaned)) == cleaned


@given(st.text(st.characters(max_codepoint=0x1FFFF) | NASTY))
def test_width_agrees_with_the_drawing_library(text: str) -> None:
    # Characters that this interpreter does not know may be newer than one of the two tables.
    cleaned = "".join(ch for ch in clean(text) if unicodedata.category(ch) != "Cn")
    assert cell_width(cleaned) == cell_len(cleaned)
