"""Terminal output as a grammar makes it: what programs send, mutated, and bytes that mean nothing."""

from __future__ import annotations

import random

TEXTS = (
    "a", "hello world", "x" * 30, "  ", "~", "好", "終端機", "é", "e\u0301", "a\u0308\u0301", "❤\ufe0f",
    "👩\u200d💻", "\u200d", "\ufe0f", "👍🏽", "🇩🇪", "🇩", "\u200b", "\u202e", "─│┌", "абв", "שלום", "ก็", "한글",
    "\u1112\u1161", "\ufffd", "\U000e0001", "\xad",
)  # fmt: skip
FINALS = "@ABCDEFGHIJKLMPSTXZ`abcdefghlmnpqrstu"
PRIVATE = (
    1,
    3,
    4,
    5,
    6,
    7,
    12,
    25,
    47,
    66,
    1000,
    1002,
    1003,
    1004,
    1005,
    1006,
    1007,
    1047,
    1048,
    1049,
    2004,
    2026,
)
STRINGS = ("]0;title", "]2;t", "]8;;http://x", "]52;c;aGk=", "]11;?", "]133;A", "P+q544e", "_Gi=1;AA", "^x", "Xy", "kname",
           "]4;1;?", "]1337;x", "P$qm")  # fmt: skip
ESCAPES = (
    "7",
    "8",
    "c",
    "D",
    "E",
    "H",
    "M",
    "=",
    ">",
    "(0",
    "(B",
    ")0",
    "#8",
    "%G",
    "n",
    "o",
    "|",
    "Z",
    "\\",
    "N",
)
CONTROLS = "\r\n\t\x08\x07\x0e\x0f\x0b\x0c\x00\x05\x18\x1a\x7f"


def _number(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.25:
        return ""
    if kind < 0.9:
        return str(rng.randint(0, 30))
    return rng.choice(
        ("99", "255", "256", "1000", "9999", "65536", "123456789012345678901234567890", "0007", "-1")
    )


def _sgr(rng: random.Random) -> str:
    parts = [
        rng.choice(
            ("0", "1", "2", "3", "4", "7", "9", "22", "27", "39", "49", "31", "42", "97", "105", "38;5;200", "48;5;17",
             "38;2;1;2;3", "48;2;250;128;7", "4:3", "38:2::9:8:7", "38:5:99", "58;5;3", "38;5", "38", "48;2;1", "38;5;999",
             "21", "53", "")
        )
        for _ in range(rng.randint(0, 4))
    ]  # fmt: skip
    return "\x1b[" + ";".join(parts) + "m"


def token(rng: random.Random) -> str:
    """One thing a program may send."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(TEXTS)
    if kind < 0.42:
        return rng.choice(("\r\n", "\r\n", "\r", "\n", *CONTROLS))
    if kind < 0.54:
        return _sgr(rng)
    if kind < 0.64:
        return f"\x1b[{_number(rng)};{_number(rng)}H"
    if kind < 0.84:
        numbers = ";".join(_number(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3))))
        prefix = rng.choice(("", "", "", "", "", "", "?", ">", "=", "<"))
        between = rng.choice(("", "", "", "", "", "", "", "!", " ", "$", "%"))
        return f"\x1b[{prefix}{numbers}{between}{rng.choice(FINALS)}"
    if kind < 0.91:
        modes = ";".join(str(rng.choice(PRIVATE)) for _ in range(rng.choice((1, 1, 1, 2))))
        return f"\x1b[?{modes}{rng.choice('hl')}"
    if kind < 0.92:
        return rng.choice(("\x1b[4h", "\x1b[4l", "\x1b[20h", "\x1b[20l", "\x1b[!p"))
    if kind < 0.96:
        return "\x1b" + rng.choice(ESCAPES)
    return "\x1b" + rng.choice(STRINGS) + rng.choice(("\x07", "\x1b\\", "\x1b\\", "", "\x18", "\x1b[m"))


def stream(rng: random.Random, tokens: int) -> bytes:
    """A run of tokens, some of them damaged."""
    data = "".join(token(rng) for _ in range(tokens)).encode()
    if rng.random() < 0.3:
        out = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(out) + 1)
            kind = rng.random()
            if kind < 0.4 and out:
                out[at % len(out)] = rng.randrange(256)
            elif kind < 0.7:
                out[at:at] = rng.randbytes(rng.randint(1, 4))
            else:
                del out[at : at + rng.randint(1, 5)]
        data = bytes(out)
    return data


def noise(rng: random.Random) -> bytes:
    """Bytes that mean nothing, with more escapes among them than chance has."""
    out = bytearray(rng.randbytes(rng.randint(1, 200)))
    for _ in range(rng.randint(0, 12)):
        out[rng.randrange(len(out))] = rng.choice(b"\x1b\x1b\x1b[]PX\x07\r\n;:?m")
    return bytes(out)


def frame(rng: random.Random) -> bytes:
    """One frame as it may come from the network: a piece of output, cut anywhere."""
    data = noise(rng) if rng.random() < 0.15 else stream(rng, rng.randint(1, 12))
    return data[rng.randrange(3) :] if rng.random() < 0.1 else data
