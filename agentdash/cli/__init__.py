"""The command line: arguments, sub-commands, exit codes; the only writer of stdout and stderr."""

from __future__ import annotations


def main() -> int:
    """Run the command line; returns the exit code."""
    from agentdash.cli.main import run  # noqa: PLC0415  # keeps `import agentdash.cli` free of heavy imports

    return run()
