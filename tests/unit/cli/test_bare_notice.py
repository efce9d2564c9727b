"""A sentence that hangs beside the picture of a shell leaves it as it was."""

from __future__ import annotations

import pytest

from agentdash.cli.bare_notice import HangingNotice
from agentdash.term.emulator import Emulator

TEXT = "the server does not answer"


def picture(emulator: Emulator) -> list[str]:
    return [line.text.rstrip() for line in emulator.text()]


@pytest.mark.parametrize("lines", [1, 4])
def test_it_hangs_below_the_prompt_and_is_gone_without_a_trace(lines: int) -> None:
    emulator, plain, notice = Emulator(40, 4, 100), Emulator(40, 4, 100), HangingNotice("ada/web.main")
    before = b"\r\n".join(b"line %d" % n for n in range(lines)) + b"\r\n\x1b[1m$ l"
    after = b"s\x1b[0m\r\nout"
    emulator.feed(before + notice.hang(TEXT, 40, is_alternate=False))
    assert picture(emulator)[-2:] == ["$ l", f"[agentdash: {TEXT}]"]
    assert notice.hang(TEXT, 40, is_alternate=False) == b""
    emulator.feed(notice.hang("short", 40, is_alternate=False))
    assert picture(emulator)[-1] == "[agentdash: short]"
    emulator.feed(notice.take() + after)
    plain.feed(before + after)
    assert [line for line in picture(emulator) if line] == [line for line in picture(plain) if line]
    assert notice.take() == b""


def test_it_never_wraps() -> None:
    emulator, notice = Emulator(20, 4, 100), HangingNotice("x")
    emulator.feed(b"$ " + notice.hang("word " * 20, 20, is_alternate=False))
    assert [len(line) for line in picture(emulator)] == [1, 19]


def test_a_full_screen_program_keeps_its_picture_and_the_title_says_it() -> None:
    emulator, notice = Emulator(40, 4, 100), HangingNotice("ada/web.main")
    emulator.feed(b"\x1b[?1049h\x1b[H1\r\n2\r\n3\r\n4\x1b[2;1H")
    before = picture(emulator), emulator.cursor.x, emulator.cursor.y
    emulator.feed(notice.hang(TEXT, 40, is_alternate=True))
    assert emulator.title == f"[agentdash: {TEXT}]"
    emulator.feed(notice.hang("more", 40, is_alternate=True))
    assert notice.take() == b"\x1b]2;ada/web.main\x07\x1b[23;2t"
    assert (picture(emulator), emulator.cursor.x, emulator.cursor.y) == before


def test_it_moves_when_a_program_takes_the_whole_screen() -> None:
    notice = HangingNotice("x")
    first = notice.hang(TEXT, 40, is_alternate=False)
    assert b"\x1b]2;" not in first
    assert notice.hang(TEXT, 40, is_alternate=True).startswith(b"\x1b7\x1b[B\r\x1b[2K\x1b8\x1b[22;2t")
