"""The only writer of stdout and stderr, and the one list of exit codes."""

from __future__ import annotations

import json
import os
import sys
from enum import IntEnum
from typing import Any, TextIO

from agentdash.text import clean


class ExitCode(IntEnum):
    """How the program ended. A signal ends it with 128 + its number, a closed pipe as SIGPIPE does."""

    OK = 0
    """As wanted."""
    TROUBLE = 1
    """Something did not work; the line on stderr says what."""
    USAGE = 2
    """The command line, the environment or the settings file cannot be understood."""
    UNREACHABLE = 3
    """The deployment does not answer, or not like Coder."""
    REFUSED = 4
    """Not logged in, or not allowed."""
    FOUND = 10
    """Findings of a severity that `triage --fail-on` names."""
    LEFT = 5
    """A shell was left with the leave key and runs on."""
    BROKEN_PIPE = 141
    """Whoever read our output has gone."""
    INTERRUPTED = 130
    """Ctrl-C."""


EXIT_CODES_HELP = """exit codes:
  0    as wanted
  1    something did not work; the line on stderr says what
  2    command line, environment or settings cannot be understood
  3    the deployment does not answer, or not like Coder
  4    not logged in, or not allowed
  5    a shell was left with the leave key and runs on
  10   triage: there are findings of a severity named with --fail-on
  128+n  ended by signal n"""


class CliError(Exception):
    """An end with one line on stderr. `message` is cleaned when it is written."""

    def __init__(self, message: str, code: ExitCode = ExitCode.TROUBLE, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.next_step = next_step


def say(text: str = "") -> None:
    """A line on stdout. The text is ours or has been cleaned.

    Raises:
        BrokenPipeError: Nobody reads any more.
    """
    sys.stdout.write(_encodable(text, sys.stdout) + "\n")


def say_json(value: Any) -> None:
    """A value as JSON on stdout, ASCII only, so that it survives every pipe."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")


def flush() -> None:
    """Write out what is buffered, so that a closed pipe shows now."""
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line on stderr, whatever the text holds."""
    try:
        sys.stderr.write(_encodable(f"agentdash: {clean(' '.join(text.split()))}", sys.stderr) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # there is nobody left to tell


def warn(text: str) -> None:
    """One line on stderr that ends nothing."""
    complain(f"warning: {text}")


def raw(text: str, *, to_stderr: bool = False) -> None:
    """Text of several lines of our own, such as help."""
    stream = sys.stderr if to_stderr else sys.stdout
    stream.write(_encodable(text, stream))


def silence() -> None:
    """After a broken pipe: nothing is written any more, not by the interpreter's own flush at exit either."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - lives as long as the process
    finally:
        os.close(devnull)


def _encodable(text: str, stream: TextIO) -> str:
    """The text with what the stream's encoding cannot carry as escapes: a C locale must not end in a trace."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
