"""What shells and full-screen programs really send, and what must stand on a screen of 20 by 6 then.

Rows are compared without blanks at their end; a row of several forms is any of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from agentdash.term.emulator import Emulator
from agentdash.term.style import PLAIN


@dataclass(frozen=True)
class Case:
    """Bytes and what they lead to."""

    name: str
    data: str
    rows: dict[int, str] = field(default_factory=dict)
    cursor: tuple[int, int] | None = None
    reply: str = ""
    title: str | None = None


A19, A20 = "a" * 19, "a" * 20
SCREEN = "1\r\n2\r\n3\r\n4\r\n5\r\n6"
CASES = [
    Case("1049 restores", "main\x1b[?1049h\x1b[H\x1b[2Jalt\x1b[?1049l", {0: "main"}, (4, 0)),
    Case("1049 is blank", "main\x1b[?1049h\x1b[Halt", {0: "alt"}),
    Case("47 restores", "main\x1b[?47h\x1b[H\x1b[2Jalt\x1b[?47l", {0: "main"}),
    Case("1047 restores", "main\x1b[?1047h\x1b[H\x1b[2Jalt\x1b[?1047l", {0: "main"}),
    Case("DECSTBM scrolls inside", SCREEN + "\x1b[2;4r\x1b[4;1H\n",
         {0: "1", 1: "3", 2: "4", 3: "", 4: "5", 5: "6"}),
    Case("DECSTBM homes", "abc\x1b[2;4r", {}, (0, 0)),
    Case("RI scrolls down in region", "1\r\n2\r\n3\x1b[1;3r\x1b[H\x1bM", {0: "", 1: "1", 2: "2"}),
    Case("SU", "1\r\n2\r\n3\x1b[S", {0: "2", 1: "3"}),
    Case("SD", "1\r\n2\x1b[T", {0: "", 1: "1", 2: "2"}),
    Case("IL", "1\r\n2\r\n3\x1b[2;1H\x1b[L", {0: "1", 1: "", 2: "2", 3: "3"}),
    Case("DL", "1\r\n2\r\n3\x1b[2;2H\x1b[M", {0: "1", 1: "3", 2: ""}, (0, 1)),
    Case("IL outside the region", SCREEN + "\x1b[3;4r\x1b[H\x1b[L", {0: "1", 1: "2"}),
    Case("ICH and DCH", "abcdef\x1b[3G\x1b[2@\x1b[1G\x1b[P", {0: "b  cdef"}),
    Case("ECH", "abcdef\x1b[2G\x1b[3X", {0: "a   ef"}),
    Case("REP", "ab\x1b[3b", {0: "abbbb"}, (5, 0)),
    Case("REP of a wide character", "好\x1b[2b", {0: "好好好"}, (6, 0)),
    Case("CHT and CBT", "\x1b[2IX\x1b[ZY", {0: " " * 16 + "Y"}),
    Case("HPA and VPA", "\x1b[3d\x1b[5`X", {2: "    X"}),
    Case("HPR and VPR", "\x1b[2a\x1b[1eX", {1: "  X"}),
    Case("SCOSC and SCORC", "ab\x1b[scd\x1b[uX", {0: "abXd"}),
    Case("DECSC is a slot, not a stack", "ab\x1b7cd\x1b8X\x1b8Y", {0: "abYd"}),
    Case("DECSC keeps a pending wrap", A20 + "\x1b7\x1b[H\x1b8b", {0: A20, 1: "b"}),
    Case("each screen has its own slot", "\x1b[3;3H\x1b7\x1b[?1047h\x1b8X\x1b[?1047l\x1b8Y", {0: "", 2: "  Y"}),
    Case("NEL", "ab\x1bEc", {0: "ab", 1: "c"}),
    Case("DECALN", "\x1b#8", {0: "E" * 20, 5: "E" * 20}, (0, 0)),
    Case("tabs", "a\tb\tc", {0: "a       b       c"}),
    Case("autowrap", A20 + "b", {0: A20, 1: "b"}, (1, 1)),
    Case("pending wrap, then CR LF", A20 + "\r\nb", {0: A20, 1: "b"}),
    Case("pending wrap, then CUB", A20 + "\x1b[Db", {0: "a" * 18 + "ba"}),
    Case("pending wrap, then EL", A20 + "\x1b[K", {0: A20}),
    Case("DECAWM off", "\x1b[?7l" + A19 + "bcd", {0: A19 + "d", 1: ""}),
    Case("IRM", "abc\x1b[1G\x1b[4hX\x1b[4lY", {0: "XYbc"}),
    Case("origin mode", "\x1b[2;4r\x1b[?6h\x1b[HX\x1b[9;1HY", {1: "X", 3: "Y"}),
    Case("line drawing in UTF-8", "\x1b(0lqk\x1b(B", {0: "┌─┐"}),
    Case("G1 and shift out", "\x1b)0a\x0eq\x0fb", {0: "a─b"}),
    Case("wide character", "好a", {0: "好a"}, (3, 0)),
    Case("wide character wraps whole", A19 + "好", {0: A19, 1: "好"}, (2, 1)),
    Case("first half overwritten", "好b\x1b[1GX", {0: "X b"}),
    Case("second half overwritten", "好b\x1b[2GX", {0: " Xb"}),
    Case("combining", "e\u0301x", {0: "\u00e9x"}, (2, 0)),
    Case("ZWJ joins and loses nothing", "\U0001f469\u200d\U0001f4bbabc", {0: "\U0001f469\u200d\U0001f4bbabc"}, (5, 0)),
    Case("VS16 makes wide and loses nothing", "\u2764\ufe0f abc", {0: "\u2764\ufe0f abc"}, (6, 0)),
    Case("ZWSP loses nothing", "a\u200bbc", {0: "abc"}),
    Case("direction marks are not kept", "a\u202ebc\u2066d", {0: "abcd"}),
    Case("flag", "\U0001f1e9\U0001f1eax", {0: "\U0001f1e9\U0001f1eax"}, (3, 0)),
    Case("skin tone", "\U0001f44d\U0001f3fdx", {0: "\U0001f44d\U0001f3fdx"}, (3, 0)),
    Case("OSC 8 shows its text only", "\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\!", {0: "link!"}),
    Case("OSC 52 is swallowed", "\x1b]52;c;aGk=\x07ok", {0: "ok"}),
    Case("title survives OSC 133, 22, 10", "\x1b]2;T\x07\x1b]133;A\x07\x1b]22;x\x07\x1b]10;red\x07ok",
         {0: "ok"}, title="T"),
    Case("screen's title", "\x1bkname\x1b\\ok", {0: "ok"}, title="name"),
    Case("title stack", "\x1b]2;A\x07\x1b[22;0;0t\x1b]2;B\x07\x1b[23;0;0tok", {0: "ok"}, title="A"),
    Case("DCS is swallowed", "\x1bP+q544e\x1b\\ok", {0: "ok"}),
    Case("APC, PM and SOS are swallowed", "\x1b_Gi=1;AA\x1b\\\x1b^x\x1b\\\x1bXy\x1b\\ok", {0: "ok"}),
    Case("CSI ? 4 m", "\x1b[?4mok", {0: "ok"}),
    Case("CSI > 4;2 m is no colour", "\x1b[>4;2mok", {0: "ok"}),
    Case("CSI 0 % m is no colour", "\x1b[0%mok", {0: "ok"}),
    Case("CSI ? r and CSI ? s", "\x1b[?1r\x1b[?1sok", {0: "ok"}),
    Case("too many parameters", "\x1b[1;1;1Hok\x1b[1;1Aa\x1b[0;0Kb", {0: "okab"}),
    Case("EL 3 and ED 9", "ok\x1b[3K\x1b[9J!", {0: "ok!"}),
    Case("colour out of range", "\x1b[38;5;999mok", {0: "ok"}),
    Case("colon SGR", "\x1b[4:3mok\x1b[0m", {0: "ok"}),
    Case("colon RGB", "\x1b[38:2::1:2:3mok", {0: "ok"}),
    Case("DECSTR", "\x1b[!pok", {0: "ok"}),
    Case("DECSCUSR", "\x1b[5 qok", {0: "ok"}),
    Case("kitty keyboard", "\x1b[>1u\x1b[=1;1u\x1b[?u\x1b[<uok", {0: "ok"}),
    Case("synchronized output", "\x1b[?2026ha\x1b[?2026lb", {0: "ab"}),
    Case("DECCOLM is not obeyed", "x\x1b[?3h", {0: "x"}),
    Case("C0 inside CSI", "ab\x1b[1\rGX", {0: "Xb"}),
    Case("CAN aborts", "\x1b[3\x18ok", {0: "ok"}),
    Case("ESC aborts", "\x1b[3\x1b[31mok", {0: "ok"}),
    Case("C1 characters are dropped", "a\u009b31mb", {0: "a31mb"}),
    Case("DA1", "\x1b[c", reply=r"\x1b\[\?[\d;]+c"),
    Case("DA2", "\x1b[>c", reply=r"\x1b\[>[\d;]+c"),
    Case("DSR 5", "\x1b[5n", reply=r"\x1b\[0n"),
    Case("CPR", "ab\x1b[6n", reply=r"\x1b\[1;3R"),
    Case("CPR while a wrap is pending", A20 + "\x1b[6n", reply=r"\x1b\[1;20R"),
    Case("CPR in origin mode", "\x1b[2;4r\x1b[?6h\x1b[2;3H\x1b[6n", reply=r"\x1b\[2;3R"),
    Case("DECXCPR", "ab\x1b[?6n", reply=r"\x1b\[\?1;3R"),
    Case("DECRQM, set", "\x1b[?2026h\x1b[?2026$p", reply=r"\x1b\[\?2026;1\$y"),
    Case("DECRQM, reset", "\x1b[?2004$p", reply=r"\x1b\[\?2004;2\$y"),
    Case("DECRQM, unknown", "\x1b[?9999$p", reply=r"\x1b\[\?9999;0\$y"),
    Case("DECRQM, ANSI", "\x1b[4h\x1b[4$p", reply=r"\x1b\[4;1\$y"),
    Case("XTVERSION", "\x1b[>q", {0: ""}, reply=r"\x1bP>\|.+\x1b\\"),
    Case("OSC 11 question", "\x1b]11;?\x1b\\", reply=r"\x1b\]11;rgb:0000/0000/0000\x1b\\"),
    Case("size question", "\x1b[18t", reply=r"\x1b\[8;6;20t"),
    Case("no title report", "\x1b]2;rm -rf\x07\x1b[21t", reply=""),
    Case("no status string", "\x1bP$qm\x1b\\", reply=""),
]  # fmt: skip


@pytest.mark.parametrize("split", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sequence(case: Case, split: bool) -> None:
    emulator = Emulator(20, 6)
    data = case.data.encode()
    for part in [bytes([byte]) for byte in data] if split else [data]:
        emulator.feed(part)
    assert emulator.faults == 0
    shown = [row.rstrip() for row in emulator.display]
    assert {y: shown[y] for y in case.rows} == case.rows
    if case.cursor is not None:
        assert (emulator.cursor.x, emulator.cursor.y) == case.cursor
    if case.title is not None:
        assert emulator.title == case.title
    assert re.fullmatch(case.reply, emulator.take_replies())
    assert emulator.columns == 20


@pytest.mark.parametrize(
    "data", ["\x1b[>4;2mok", "\x1b[?4mok", "\x1b[0%mok", "\x1b[4m\x1b[4:0mok", "\x1b[1m\x1b[!pok"]
)
def test_text_stays_plain(data: str) -> None:
    emulator = Emulator(20, 6)
    emulator.feed(data.encode())
    assert emulator.row(0) == [("ok", PLAIN)]
