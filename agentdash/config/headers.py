"""Additional request headers: from flags, environment and a command (contract: README §2.3)."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping

from agentdash.config.errors import ConfigError
from agentdash.config.secret import Secret

COMMAND_TIMEOUT_S = 30.0

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def read_pairs(pairs: Iterable[str], *, key: str) -> dict[str, Secret]:
    """Read `Name=value` pairs; white space around a name is dropped, a later pair of a name wins.

    Raises:
        ConfigError: No `=`, no valid name, or a value that no header can hold. The pair is not repeated.
    """
    headers: dict[str, Secret] = {}
    for number, pair in enumerate(pairs, 1):
        name, separator, value = pair.partition("=")
        name = name.strip()
        if not separator or _NAME.fullmatch(name) is None:
            raise ConfigError(
                f"header {number} is not of the form Name=value",
                "",
                "Write it like X-Proxy-Key=secret.",
                key=key,
            )
        headers[name] = check_value(name, value.strip(" \t"), key=key)
    return headers


def read_csv(line: str, *, key: str) -> dict[str, Secret]:
    """Read one CSV line of pairs, as in CODER_HEADER; a pair with a comma stands in double quotes."""
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ConfigError("the headers are not one line of CSV", f"{error}.", key=key) from None
    return read_pairs((pair for row in rows for pair in row), key=key)


def check_value(name: str, value: str, *, key: str) -> Secret:
    """Accept what a header can carry: visible ASCII, spaces and tabs; nothing that could begin another header."""
    if not all(" " <= ch <= "~" or ch == "\t" for ch in value):
        raise ConfigError(
            f"the value of header {name} holds characters that a header cannot carry",
            "Line breaks, control characters and letters outside ASCII are not possible.",
            key=key,
        )
    return Secret(value)


def run_header_command(
    command: str, url: str, environ: Mapping[str, str], *, timeout_s: float = COMMAND_TIMEOUT_S
) -> dict[str, Secret]:
    """Run the header command once and read its output. Blocks: call it in a thread.

    It runs through `sh -c` (`cmd.exe /c` on Windows) with CODER_URL set and its standard error thrown away,
    as `coder` does. What it started ends with it when the time is up.

    Raises:
        ConfigError: It could not be run, failed, took too long, or printed something else than `Name=value`
        lines.
    """
    shell = ["cmd.exe", "/c"] if sys.platform == "win32" else ["sh", "-c"]
    key = "header_command"
    try:
        process = subprocess.Popen(
            [*shell, command],
            env={**environ, "CODER_URL": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError("the header command cannot be run", f"{error.strerror}.", key=key) from None
    with process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            raise ConfigError(
                f"the header command did not end within {timeout_s:g} s", "", _TRY_BY_HAND, key=key
            ) from None
    if process.returncode != 0:
        raise ConfigError(
            f"the header command failed with exit code {process.returncode}", "", _TRY_BY_HAND, key=key
        )
    lines = output.decode("utf-8", "replace").splitlines()
    return read_pairs((line for line in lines if line.strip()), key=key)


_TRY_BY_HAND = "Run it by hand, with CODER_URL set, to see what it says."


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and its children: one that holds the pipe open would keep us waiting."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
