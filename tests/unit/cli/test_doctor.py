"""What the doctor says without a network."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from agentdash.cli import doctor
from agentdash.cli.main import run
from agentdash.cli.output import ExitCode
from agentdash.config.load import load

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


def test_settings_tell_where_they_came_from_and_hide_secrets(tmp_path: Path) -> None:
    flags = {"url": "https://c.example.com", "header": ["X-Key=HUSHHUSH"], "read_only": True}
    loaded = load(flags, {"CODER_SESSION_TOKEN": TOKEN}, tmp_path, "linux")
    lines = {check.name: check.text for check in doctor.setting_lines(loaded)}
    assert lines["url"] == "https://c.example.com   from flag --url"
    assert lines["token"] == "given (hidden)   from environment CODER_SESSION_TOKEN"
    assert lines["headers"] == "given (hidden)   from flag --header"
    assert lines["read_only"] == "True   from flag --read-only"
    assert "theme" not in lines
    assert TOKEN not in str(lines)
    assert "HUSH" not in str(lines)


@pytest.mark.parametrize(
    ("environ", "name", "state"),
    [
        ({"TERM": "xterm"}, "TERM", "ok"),
        ({"TERM": "dumb"}, "TERM", "bad"),
        ({}, "TERM", "bad"),
        ({"TERM": "xterm", "TMUX": "x"}, "inside", ""),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "colours", ""),
    ],
)
def test_the_terminal(environ: dict[str, str], name: str, state: str) -> None:
    assert {check.name: check.state for check in doctor.terminal_lines(environ)}[name] == state


def test_a_locale_without_unicode_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    found = {check.name: check for check in doctor.terminal_lines({"TERM": "xterm"})}
    assert found["encoding"].state == "note"
    assert "UTF-8" in found["encoding"].next_step


def test_without_a_deployment_it_says_so_and_is_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor"], {"HOME": str(tmp_path), "TERM": "xterm"}) == ExitCode.OK
    assert "no deployment is configured" in capsys.readouterr().out


def test_without_a_token_the_next_step_is_to_log_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"HOME": str(tmp_path), "TERM": "xterm", "CODER_URL": "https://c.example.com"}
    assert run(["doctor"], environ) == ExitCode.REFUSED
    assert "coder login https://c.example.com" in capsys.readouterr().out
