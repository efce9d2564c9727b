"""The login that a running program reads again from where it found it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdash.api.errors import ApiError, ConnectFailed, TimedOut
from agentdash.cli.arguments import parse
from agentdash.cli.connect import end_of, load_settings, stored_token
from agentdash.cli.main import Call

OLD, NEW = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB", "CCCCCCCCCC-DDDDDDDDDDDDDDDDDDDDDD"


def call_of(home: Path, *arguments: str) -> Call:
    return Call(parse([*arguments]), {}, home, "linux")


@pytest.fixture
def login(tmp_path: Path) -> Path:
    directory = tmp_path / ".config" / "coderv2"
    directory.mkdir(parents=True)
    (directory / "url").write_text("https://coder.example.com")
    (directory / "session").write_text(OLD)
    return directory


def test_a_login_elsewhere_is_found(tmp_path: Path, login: Path) -> None:
    call = call_of(tmp_path)
    again = stored_token(call, load_settings(call).settings)
    (login / "session").write_text(NEW)
    found = again()
    assert found is not None
    assert found.reveal() == NEW


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(OLD)
    call = call_of(tmp_path, "--url", "https://coder.example.com", "--token-file", str(file))
    again = stored_token(call, load_settings(call).settings)
    file.write_text(NEW)
    found = again()
    assert found is not None
    assert found.reveal() == NEW
    file.unlink()
    assert again() is None


def test_the_login_of_another_deployment_is_not_taken(tmp_path: Path, login: Path) -> None:
    call = call_of(tmp_path)
    again = stored_token(call, load_settings(call).settings)
    (login / "url").write_text("https://other.example.com")
    (login / "session").write_text(NEW)
    assert again() is None


@pytest.mark.parametrize("error", [ConnectFailed("refused"), TimedOut("30 s")])
def test_a_command_that_ends_does_not_say_that_it_keeps_trying(error: ApiError) -> None:
    assert "keeps trying" in error.next_step
    assert "keeps trying" not in end_of(error).next_step
