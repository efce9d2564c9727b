from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from agentdash.config.errors import ConfigError
from agentdash.config.headers import read_csv, run_header_command
from agentdash.config.secret import Secret

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="written for sh")

URL = "https://coder.example.com"


def run(command: str, timeout_s: float = 30) -> dict[str, Secret]:
    return run_header_command(command, URL, {"PATH": os.environ["PATH"], "MINE": "kept"}, timeout_s=timeout_s)


def test_lines_become_headers() -> None:
    headers = run('echo "X-Url=$CODER_URL"; echo "X-Env = $MINE=1"; echo; echo noise >&2')
    assert headers == {"X-Url": Secret(URL), "X-Env": Secret("kept=1")}


def test_no_output_is_no_header() -> None:
    assert run("true") == {}


@pytest.mark.parametrize(
    ("command", "title"),
    [("echo X=1; exit 3", "exit code 3"), ("echo hush", "header 1"), ("kill -9 $$", "exit code -9")],
)
def test_failures_end_the_start_and_show_no_output(command: str, title: str) -> None:
    with pytest.raises(ConfigError, match=title) as caught:
        run(command)
    assert "hush" not in str(caught.value)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(ConfigError, match="did not end"):
            run(f"sleep 60 >'{fifo}' & sleep 60", timeout_s=0.3)
        # The end of the pipe is seen when nobody holds its other end any more.
        assert select.select([reader], [], [], 20)[0]
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_the_command_cannot_ask_on_the_terminal() -> None:
    assert run("read answer || echo X-Asked=no") == {"X-Asked": Secret("no")}


def test_csv() -> None:
    assert read_csv("A=x\ty ", key="CODER_HEADER") == {"A": Secret("x\ty")}
    assert read_csv('A=1,"B=x,y"', key="CODER_HEADER") == {"A": Secret("1"), "B": Secret("x,y")}
    with pytest.raises(ConfigError):
        read_csv('"A=1', key="CODER_HEADER")
