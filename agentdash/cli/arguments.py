"""The command line: sub-commands and flags, named as `coder` names them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from agentdash import __version__
from agentdash.cli import output
from agentdash.cli.me_arguments import ME_HELP, add_me
from agentdash.cli.output import EXIT_CODES_HELP, CliError, ExitCode

COMMANDS = (
    "dashboard",
    "local",
    "worlds",
    "fleet",
    "agent",
    "shell",
    "triage",
    "explain",
    "me",
    "doctor",
    "version",
)
DEFAULT_COMMAND = "dashboard"


TRIAGE_HELP = """for cron and CI:
  agentdash triage --fail-on S1,S2       0 when all is well, 10 when there are such findings
  agentdash triage --json -q is:prebuild | jq '.findings[] | select(.primary)'
  with --watch it runs until ended, or until there is what --fail-on names; with --json one object a line
  any other exit code means that the deployment could not be judged: see `agentdash --help`"""


class Parser(argparse.ArgumentParser):
    """A parser that writes through `output` and ends by raising."""

    def _print_message(self, message: str, file: Any = None) -> None:
        del file
        output.raw(message)

    def error(self, message: str) -> NoReturn:
        """Wrong usage.

        Raises:
            CliError: Always.
        """
        raise CliError(message, ExitCode.USAGE, f"see {self.prog} --help")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; `command` names the module that serves it, `flags` are those for `config.load`.

    Raises:
        CliError: It cannot be understood.
        SystemExit: Help or version was asked for, and is written.
    """
    options = _parser().parse_args(argv)
    options.command = options.command or DEFAULT_COMMAND
    headers = [*(options.header or ()), *getattr(options, "header_after", ())]
    options.header = headers or None
    options.flags = {name: getattr(options, name, None) for name in FLAGS}
    return options


FLAGS = (
    "url",
    "token",
    "token_file",
    "header",
    "header_command",
    "org",
    "global_config",
    "use_keyring",
    "client_tls_ca_file",
    "client_tls_cert_file",
    "client_tls_key_file",
    "read_only",
    "theme",
    "ascii",
    "config",
)
"""Attributes of the parsed command line that `config.load` takes."""


def _parser() -> Parser:
    parser = Parser(
        prog="agentdash",
        description="Terminal dashboard for Coder workspace agents: what is wrong, why, and what to do now.",
        epilog=(
            "Without a deployment configured (flags, CODER_URL, `coder login`) it shows this machine as a small "
            f"deployment of its own.\n\n{EXIT_CODES_HELP}"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"agentdash {__version__}")
    _add_flags(parser, is_top=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def add(name: str, text: str) -> Parser:
        return add_to(commands, name, text)

    def add_to(group: Any, name: str, text: str) -> Parser:
        made: Parser = group.add_parser(
            name,
            help=text,
            description=text,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_flags(made, is_top=False)
        return made

    add("dashboard", "Show the dashboard (the default).")
    _add_local(
        add("local", "Serve this machine and a scripted fleet as a deployment on loopback, until ended.")
    )
    fleet = add("fleet", "List all agents, worst first.")
    fleet.add_argument(
        "query", nargs="?", default="", help="filter, as in the dashboard: template:web health:bad"
    )
    fleet.add_argument("--json", action="store_true", dest="as_json", help="write JSON (schema 1)")
    agent = add("agent", "Tell everything about one agent.")
    agent.add_argument("target", metavar="[OWNER/]WORKSPACE[.AGENT]", help="the agent")
    agent.add_argument("--json", action="store_true", dest="as_json", help="write JSON (schema 1)")
    agent.add_argument("--logs", type=_count, default=20, metavar="N", help="last N lines of its log (20)")
    _add_triage(add("triage", "Tell what needs a person: findings with their proof and next step."))
    explain = add("explain", "Tell about a rule of triage: when it holds, likely causes, what to do.")
    explain.add_argument(
        "rules", nargs="*", metavar="RULE", help="id such as S03; all are listed without one"
    )
    add("worlds", "List what `local --world` can play.")
    add_me(add("me", ME_HELP), add_to)
    _add_shell(
        add("shell", "Open a shell of an agent on this terminal; ctrl+] (the setting leave_key) leaves it.")
    )
    add("doctor", "Check settings, terminal, connection and login, and say where each value came from.")
    add("version", "Tell the versions of agentdash and of what it is made of.")
    return parser


def _add_flags(parser: argparse.ArgumentParser, *, is_top: bool) -> None:
    """The flags of every command; they may stand before or after its name."""
    # A flag after the command must not undo, by its default, the one given before it.
    default: Any = None if is_top else argparse.SUPPRESS
    group = parser.add_argument_group("deployment")

    def flag(name: str, text: str, **options: Any) -> None:
        group.add_argument(name, help=text, **({"default": default} | options))

    flag("--url", "address of the deployment (CODER_URL)")
    flag(
        "--token",
        "session token; others can see it in the list of processes: better --token-file (CODER_SESSION_TOKEN)",
    )
    flag("--token-file", "file that holds the session token", metavar="FILE")
    flag(
        "--global-config", "directory in which `coder login` left its files (CODER_CONFIG_DIR)", metavar="DIR"
    )
    flag(
        "--header",
        "header sent with every request; may be repeated (CODER_HEADER)",
        action="append",
        metavar="NAME=VALUE",
        dest="header" if is_top else "header_after",
    )
    flag("--header-command", "command that prints such headers (CODER_HEADER_COMMAND)", metavar="COMMAND")
    flag("--client-tls-ca-file", "certificate authorities, PEM", metavar="FILE")
    flag("--client-tls-cert-file", "client certificate, PEM", metavar="FILE")
    flag("--client-tls-key-file", "key of the client certificate, PEM", metavar="FILE")
    flag("--use-keyring", "read the keyring of the system", action=argparse.BooleanOptionalAction)
    flag("--org", "organization to show (CODER_ORGANIZATION)", metavar="NAME")
    group = parser.add_argument_group("program")
    flag("--read-only", "offer nothing that changes anything", action="store_const", const=True)
    flag("--theme", "name of the theme")
    flag("--ascii", "signs, borders and bars of ASCII characters only", action="store_const", const=True)
    flag("--config", "settings file", metavar="FILE")
    flag("--log-file", "file for the program's own log", metavar="FILE")


def _add_triage(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TRIAGE_HELP
    parser.add_argument("--json", action="store_true", dest="as_json", help="write JSON (schema 1)")
    parser.add_argument(
        "--query", "-q", default="", help="filter, as in the dashboard: template:web health:bad"
    )
    parser.add_argument("--watch", action="store_true", help="go on reading; tell what comes and goes")
    parser.add_argument(
        "--every", type=_pause, default=60.0, metavar="SECONDS", help="between two reads of --watch (60)"
    )
    parser.add_argument(
        "--fail-on",
        type=_severities,
        default=(),
        metavar="S1,S2",
        help="end with 10 when there are findings of these severities",
    )
    parser.add_argument(
        "--schema", action="store_true", help="write the JSON schema of --json, and read nothing"
    )


def _severities(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().upper() for part in text.split(",") if part.strip())
    if not found or any(part not in ("S1", "S2", "S3", "S4") for part in found):
        raise argparse.ArgumentTypeError("wants severities such as S1,S2")
    return found


def _pause(text: str) -> float:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 5 <= number <= 86_400:
        raise argparse.ArgumentTypeError("wants seconds from 5 to 86400")
    return float(number)


def _add_local(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; a free one if not given")
    # For whoever starts it as a child: address and token are written to this file descriptor.
    parser.add_argument("--handover-fd", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument(
        "--as",
        dest="revision",
        default="2026-08",
        choices=("2023-03", "2023-06", "2024-09", "2025-07", "2026-08"),
        help="answer as a server of that time (2026-08)",
    )
    parser.add_argument(
        "--agent",
        nargs="?",
        const="",
        default=None,
        metavar="[OWNER/]WORKSPACE[.AGENT]",
        help="also write the environment with which a program can act as that agent (this machine's)",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the scripted fleet (7)")
    parser.add_argument(
        "--world", default="fleet", metavar="NAME", help="what to play (fleet); `agentdash worlds` lists all"
    )


def _add_shell(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="[OWNER/]WORKSPACE[.AGENT]", help="the agent")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="-- COMMAND",
        help="run this instead of a login shell; told no exit status",
    )
    parser.add_argument("--container", metavar="NAME", help="a container in the workspace, by name or id")
    parser.add_argument("--container-user", metavar="USER", help="user in the container")
    parser.epilog = (
        "The line may be cut: the shell lives on for five minutes and is gone back to. What is typed meanwhile is "
        "not sent;\nenter tries again at once, ctrl+c gives up. When the shell has ended the exit code is 0, "
        "whatever its own was:\nan agent does not tell it.\n\n" + EXIT_CODES_HELP
    )


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 50_000:
        raise argparse.ArgumentTypeError("wants a number from 0 to 50000")
    return number
