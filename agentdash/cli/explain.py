"""`agentdash explain`: a rule's page of the catalogue, or the list of all rules."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.connect import load_settings
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from agentdash.cli.main import Call


def run(call: Call) -> int:
    """Write one page for each rule that is named; all rules in a line each when none is."""
    from dataclasses import asdict  # noqa: PLC0415

    from agentdash.present.explain import entry_lines  # noqa: PLC0415
    from agentdash.triage.catalogue import CATALOGUE  # noqa: PLC0415
    from agentdash.triage.thresholds import Thresholds  # noqa: PLC0415

    names = [name.upper() for name in call.options.rules]
    if not names:
        for entry in CATALOGUE.values():
            mark = "" if entry.shown else "  (not on this API)"
            output.say(f"{entry.id}  {entry.severity.label}  {entry.title}{mark}")
        return ExitCode.OK
    unknown = next((name for name in names if name not in CATALOGUE), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, CATALOGUE, 1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else "`agentdash explain` lists them"
        raise CliError(f"there is no rule {unknown}", ExitCode.USAGE, hint)
    try:
        limits = Thresholds().with_settings(load_settings(call).settings.triage)
    except ValueError as error:
        raise CliError(f"settings: {error}", ExitCode.USAGE) from None
    for number, name in enumerate(names):
        if number:
            output.say()
        for line in entry_lines(CATALOGUE[name], asdict(limits)):
            output.say(line)
    return ExitCode.OK
