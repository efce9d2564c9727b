"""Writing: one line for trouble, whatever it holds and whoever listens."""

from __future__ import annotations

import io
import sys

import pytest

from agentdash.cli import output


def test_trouble_is_one_harmless_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain("bad\nthings \x1b[31m happen")
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "agentdash: bad things \\x1b[31m happen\n"


def test_what_the_locale_cannot_say_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output.say("✗ naïve")
    output.say_json({"name": "naïve ✗"})
    output.flush()
    assert raw.getvalue() == b'\\u2717 na\\xefve\n{\n  "name": "na\\u00efve \\u2717"\n}\n'


def test_a_closed_stderr_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    output.complain("nobody listens")


def test_exit_codes_in_the_help_are_those_of_the_program() -> None:
    for code in output.ExitCode:
        if code < 128:
            assert f"\n  {code.value} " in output.EXIT_CODES_HELP
