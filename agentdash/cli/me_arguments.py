"""`agentdash me …`: what a program inside a workspace can say and ask in its agent's name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from agentdash.wire.agent_words import APP_STATES, LOG_LEVELS

Add = Callable[[Any, str, str], argparse.ArgumentParser]
"""Adds a sub-command with the common flags: (sub-commands, name, help text)."""

ME_HELP = "Act as this workspace's agent: write logs and statuses, wait for a claim, ask for logins."
ME_DESCRIPTION = (
    "Act as this workspace's agent, with CODER_AGENT_URL and CODER_AGENT_TOKEN, CODER_AGENT_TOKEN_FILE or "
    "CODER_AGENT_AUTH from the environment, as the agent itself reads them. --url and --token-file go before them."
)


def add_me(parser: argparse.ArgumentParser, add: Add) -> None:
    """Fill the parser of `me`."""
    parser.description = ME_DESCRIPTION
    commands = parser.add_subparsers(dest="me", metavar="WHAT", required=True, parser_class=type(parser))
    add(commands, "run", "Be the agent: run its scripts, report metadata and app health, until ended.")
    _add_logs(commands, add)
    _add_logins(commands, add)

    status = add(commands, "app-status", "Say what the program behind an app is doing.")
    status.add_argument("state", choices=APP_STATES)
    status.add_argument("message", help="at most 160 bytes")
    status.add_argument("--app", default="", metavar="SLUG", help="the app (CODER_MCP_APP_STATUS_SLUG)")
    status.add_argument("--uri", default="", help="where more is to be seen")

    reinit = add(
        commands, "reinit", "Wait for this prebuilt workspace to be claimed; write the event as JSON."
    )
    reinit.add_argument(
        "--wait", action="store_true", help="also take a claim that is done; end when none can come"
    )


def _add_logs(commands: Any, add: Add) -> None:
    logs = add(commands, "logs", "Write standard input, or a file, line by line to the workspace's logs.")
    logs.add_argument("file", nargs="?", default="-", help="file to read; standard input if not given, or -")
    logs.add_argument("--source", default="", metavar="ID", help="log source to write to")
    logs.add_argument("--name", default="", help="write to a log source of this name, made if needed")
    logs.add_argument("--icon", default="", help="icon of that source, such as /emojis/1f527.png")
    logs.add_argument("--level", choices=LOG_LEVELS, default="info", help="level of the lines (info)")

    source = add(commands, "log-source", "Register a log source; write its id.")
    source.add_argument("name", help="shown beside its lines")
    source.add_argument(
        "--id", default="", dest="source_id", help="its UUID; one made from the name if not given"
    )
    source.add_argument("--icon", default="", help="such as /emojis/1f527.png")


def _add_logins(commands: Any, add: Add) -> None:
    key = add(commands, "gitsshkey", "Write the owner's public SSH key.")
    key.add_argument("--private", action="store_true", help="write the private key instead")

    auth = add(commands, "external-auth", "Ask for the owner's login somewhere outside, such as a git host.")
    auth.add_argument("match", nargs="?", default="", metavar="HOST", help="host or URL")
    auth.add_argument(
        "--id", default="", dest="provider_id", metavar="ID", help="provider, instead of a host"
    )
    auth.add_argument("--listen", action="store_true", help="wait until the owner has logged in")
    auth.add_argument("--show-token", action="store_true", help="write the access token")

    identity = add(commands, "identity", "Exchange this machine's signed identity for the agent's token.")
    identity.add_argument("cloud", choices=("aws", "azure", "google"))
    identity.add_argument("--show-token", action="store_true", help="write the token")
