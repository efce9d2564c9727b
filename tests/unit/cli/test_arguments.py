"""The command line."""

from __future__ import annotations

import pytest

from agentdash.cli.arguments import COMMANDS, FLAGS, parse
from agentdash.cli.output import CliError, ExitCode


def test_no_command_is_the_dashboard() -> None:
    options = parse([])
    assert options.command == "dashboard"
    assert set(options.flags) == set(FLAGS)
    assert set(options.flags.values()) == {None}


@pytest.mark.parametrize("argv", [["--url", "https://x", "fleet"], ["fleet", "--url", "https://x"]])
def test_flags_may_stand_before_or_after_the_command(argv: list[str]) -> None:
    options = parse(argv)
    assert (options.command, options.flags["url"]) == ("fleet", "https://x")


def test_headers_of_both_places_add_up() -> None:
    options = parse(["--header", "a=1", "fleet", "--header", "b=2", "--header", "c=3"])
    assert options.flags["header"] == ["a=1", "b=2", "c=3"]


def test_a_flag_after_the_command_wins() -> None:
    assert parse(["--theme", "one", "fleet", "--theme", "two"]).flags["theme"] == "two"


@pytest.mark.parametrize(("flag", "name"), [("--read-only", "read_only"), ("--ascii", "ascii")])
def test_switches_are_set_or_left_to_others(flag: str, name: str) -> None:
    assert parse([flag]).flags[name] is True
    assert parse([]).flags[name] is None


def test_the_keyring_can_be_turned_off() -> None:
    assert parse(["--no-use-keyring"]).flags["use_keyring"] is False


@pytest.mark.parametrize(
    "argv",
    [
        ["nothing"],
        ["fleet", "--jsn"],
        ["agent"],
        ["agent", "x", "--logs", "many"],
        ["agent", "x", "--logs", "-1"],
        ["--url"],
        ["fleet", "one", "two"],
        ["--ver"],
    ],
)
def test_what_cannot_be_understood_ends_with_usage(argv: list[str]) -> None:
    with pytest.raises(CliError) as raised:
        parse(argv)
    assert raised.value.code is ExitCode.USAGE
    assert "--help" in raised.value.next_step


def test_help_names_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(["--help"])
    assert raised.value.code == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)
    assert "exit codes:" in text
    assert "handover" not in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([command, "--help"])
    assert "--url" in capsys.readouterr().out
