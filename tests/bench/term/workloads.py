"""Byte streams that shells and full-screen programs write: made (seeded) or recorded from the program."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import select
import shutil
import signal
import struct
import termios
import time
from collections.abc import Iterator
from pathlib import Path

SIZES = ((80, 24), (200, 50))
BYTES = 1_000_000
_WORDS = ("agent", "workspace", "build", "start", "connect", "websocket", "tunnel", "derp", "peer", "handshake",
          "ok", "retry", "timeout")  # fmt: skip
_COLORS = ("0", "01;34", "01;36", "01;32", "40;33;01", "30;42", "00;36")
_POOLS = (
    "你好世界終端機日本語한국어ありがとう",
    "😀🚀🔥✅❌🎉🐍🐧🌍💡",
    "é ñ ü ö ø å ß ç",
    "─│┌┐└┘├┤┬┴┼█▓▒░",
    "абвгдежзиклмноп",
    "e\u0301a\u0308o\u0302",
)


def _logs(rng: random.Random) -> Iterator[str]:
    while True:
        words = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(6, 14)))
        stamp = f"2026-10-18T12:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(1000):03}Z"
        yield f"{stamp} INFO {words} id={rng.randrange(1 << 20):x} ms={rng.randrange(1 << 12)}\r\n"


def _seq() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{number}\r\n"


def _sgr16(rng: random.Random, columns: int) -> Iterator[str]:
    while True:
        row = ""
        for _ in range(max(1, columns // 20)):
            name = "".join(rng.choice("abcdefghij-._0123") for _ in range(rng.randint(4, 18)))
            row += f"\x1b[{rng.choice(_COLORS)}m{name}\x1b[0m" + " " * (20 - len(name))
        yield row + "\r\n"


def _sgr256(rng: random.Random) -> Iterator[str]:
    while True:
        fg, bg = rng.randrange(256), rng.randrange(256)
        text = "".join(rng.choice("abcdef gh") for _ in range(rng.randint(5, 30)))
        yield (
            f"\x1b[1m\x1b[38;5;{fg}mtest_{text[:8].strip()}\x1b[22m\x1b[39m {text} "
            f"\x1b[48;5;{bg};38;5;{fg}m PASS \x1b[0m [\x1b[32m{rng.randrange(100)}%\x1b[0m]\r\n"
        )


def _truecolor(columns: int, lines: int) -> Iterator[str]:
    shift = 0
    while True:
        shift += 3
        yield "\x1b[H"
        for y in range(lines):
            cells = (
                f"\x1b[38;2;{(x * 3 + shift) % 256};{y * 5 % 256};128"
                f";48;2;{x * 3 % 256};{(y * 5 + 2 + shift) % 256};90m▀"
                for x in range(columns)
            )
            yield "".join(cells) + ("\x1b[0m\r\n" if y < lines - 1 else "\x1b[0m")


def _cursor(rng: random.Random, columns: int, lines: int) -> Iterator[str]:
    while True:
        yield f"\x1b[{rng.randint(1, lines)};{rng.randint(1, columns)}H{chr(rng.randrange(65, 91))}"


def _unicode(rng: random.Random) -> Iterator[str]:
    # without ZWJ and VS16: stock pyte drops the rest of a run at one
    while True:
        kinds = rng.choices(range(6), weights=[4, 2, 2, 2, 3, 1], k=rng.randint(3, 9))
        parts = ("".join(rng.choices(_POOLS[k], k=rng.randint(2, 8))) if k < 5 else _POOLS[5] for k in kinds)
        yield "".join(parts) + "\r\n"


def _progress(rng: random.Random, columns: int) -> Iterator[str]:
    done = 0
    while True:
        done += 1
        full = done % (columns - 30)
        bar = "#" * full + "." * (columns - 31 - full)
        end = "\r\n" if done % 50 == 0 else ""
        yield f"\r\x1b[K\x1b[32m[{bar}]\x1b[0m {done % 100:3d}% {rng.randrange(999):3d} kB/s{end}"


def _region(rng: random.Random, columns: int, lines: int) -> Iterator[str]:
    yield f"\x1b[1;{lines - 2}r"
    number = 0
    while True:
        number += 1
        yield f"\x1b[{lines - 2};1H\r\nline {number} " + "x" * rng.randint(5, columns - 20)
        if number % 10 == 0:
            yield f"\x1b7\x1b[{lines};1H\x1b[7mstatus {number}\x1b[K\x1b[0m\x1b8"


def _take(parts: Iterator[str]) -> bytes:
    out, size = [], 0
    for part in parts:
        data = part.encode()
        out.append(data)
        size += len(data)
        if size >= BYTES:
            break
    return b"".join(out)


def _record(command: list[str], columns: int, lines: int, keys: list[bytes], every_s: float) -> bytes:
    """What a program writes while keys are pressed."""
    child, fd = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8", HOME="/nonexistent")
        os.execvp(command[0], command)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    out: list[bytes] = []

    def read_for(span_s: float) -> bool:
        end = time.monotonic() + span_s
        while (left := end - time.monotonic()) > 0:
            if select.select([fd], [], [], left)[0]:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    return False
                if not data:
                    return False
                out.append(data)
        return True

    alive = read_for(0.6)
    for key in keys:
        if not alive:
            break
        os.write(fd, key)
        alive = read_for(every_s)
    if alive:
        read_for(0.3)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(fd)
    return b"".join(out)


def _recorded(columns: int, lines: int, sample: Path) -> Iterator[tuple[str, bytes]]:
    down, up = b"\x1b[B", b"\x1b[A"
    vim_keys = [down] * lines + [b"\x04", b"\x15"] * 30 + [b"\x06"] * 30 + [b"\x02"] * 20
    vim = ["vim", "-n", "-u", "NONE", "-c", "set nocompatible | syntax on | set number t_Co=256 noruler"]
    programs = {
        "vim": ([*vim, "-c", "set filetype=python", str(sample)], [*vim_keys, *[b"ihello\x1b"] * 20], 0.03),
        "htop": (["htop", "-d", "1"], [down] * 40 + [up] * 40, 0.08),
        "lscolor": (["/bin/sh", "-c", "ls -la --color=always /usr/bin /usr/lib /etc /usr/share"], [], 0.1),
    }
    for name, (command, keys, every_s) in programs.items():
        if shutil.which(command[0]):
            data = _record(command, columns, lines, keys, every_s)
            if data:
                yield name, ((data + b"\x1b[r\x1b[m") * (BYTES // len(data) + 1))[:BYTES]


def workloads(columns: int, lines: int, sample: Path) -> dict[str, bytes]:
    """About a megabyte of each kind for a screen of this size; programs that are missing are left out."""
    rng = random.Random(7)
    made = {
        "seq": _seq(),
        "logs": _logs(rng),
        "sgr16": _sgr16(rng, columns),
        "sgr256": _sgr256(rng),
        "truecolor": _truecolor(columns, lines),
        "cursor": _cursor(rng, columns, lines),
        "unicode": _unicode(rng),
        "progress": _progress(rng, columns),
        "region": _region(rng, columns, lines),
    }
    return {name: _take(parts) for name, parts in made.items()} | dict(_recorded(columns, lines, sample))
