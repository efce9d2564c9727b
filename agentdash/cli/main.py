"""Entry point: the command line is read, one module serves it, and every end becomes an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agentdash.cli import output
from agentdash.cli.arguments import parse
from agentdash.cli.collector import imports_kept
from agentdash.cli.output import CliError, ExitCode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """What a sub-command is given.

    Attributes:
        options: The parsed command line.
        environ: Environment variables.
        home: The user's home directory.
        platform: As `sys.platform`.
    """

    options: argparse.Namespace
    environ: Mapping[str, str]
    home: Path
    platform: str


class Command(Protocol):
    """A sub-command's module."""

    def run(self, call: Call) -> int: ...


def run(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command line; returns the exit code and never raises.

    Args:
        argv: Arguments without the program's name; those of the process if None.
        environ: Environment; that of the process if None.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _run(arguments, os.environ if environ is None else environ, owns_process=argv is None)
        output.flush()
    except BrokenPipeError:
        output.silence()
        return ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except CliError as error:
        output.complain(f"{error.message.rstrip('.')}. {error.next_step}".strip().rstrip("."))
        return error.code
    except SystemExit as end:  # argparse has written help or version
        return end.code if isinstance(end.code, int) else ExitCode.OK
    return code


def _run(argv: Sequence[str], environ: Mapping[str, str], *, owns_process: bool) -> int:
    options = parse(argv)
    # Called from within another program, the collector is that program's.
    with imports_kept() if owns_process else nullcontext():
        module: Command = importlib.import_module(f"agentdash.cli.{options.command}")
    _begin_log(options, environ)
    try:
        return module.run(Call(options, environ, _home(environ), sys.platform))
    except (CliError, BrokenPipeError, KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:  # the top level: one line for the person, the trace for the log
        from agentdash.cli.logfile import where_the_trace_is  # noqa: PLC0415

        log.exception("%s failed", options.command)
        raise CliError(
            f"an error of this program: {type(error).__name__}", next_step=where_the_trace_is()
        ) from error
    finally:
        _end_log()


def _home(environ: Mapping[str, str]) -> Path:
    try:
        return Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError:
        return Path("/")


def _begin_log(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    from agentdash.cli import logfile  # noqa: PLC0415 - logging handlers are not needed for --help

    named = options.log_file or environ.get("AGENTDASH_LOG_FILE")
    if not named and options.command != "dashboard":
        # What runs without a screen says its trouble on stderr.
        logfile.no_log()
        return
    try:
        logfile.open_log(Path(named) if named else None)
    except OSError as error:
        if named:
            raise CliError(
                f"the log file {named} cannot be written: {error.strerror}", ExitCode.USAGE
            ) from None
        logfile.no_log()


def _end_log() -> None:
    from agentdash.cli import logfile  # noqa: PLC0415

    logfile.close_log()
