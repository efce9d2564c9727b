"""`agentdash worlds`: what the scripted deployment can play, for `agentdash local --world NAME`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.output import ExitCode

if TYPE_CHECKING:
    from agentdash.cli.main import Call


def run(call: Call) -> int:
    """One line a world."""
    del call
    from agentdash.local.worlds import CONDITIONS, world_names  # noqa: PLC0415

    told = {}
    for condition in CONDITIONS:
        for name in condition.worlds:
            what = f"{condition.rule} {condition.title}"
            told[name] = f"near miss: looks like {what}, and is not" if name.endswith("-near") else what
    told["fleet"] = "the fleet of the demo, with troubles of many kinds"
    names = world_names()
    width = max(map(len, names))
    for name in names:
        output.say(f"{name.ljust(width)}  {told.get(name, '')}".rstrip())
    return ExitCode.OK
