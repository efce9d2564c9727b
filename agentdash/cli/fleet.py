"""`agentdash fleet`: one read of all agents, as a table or as JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.connect import client_for, load_settings, opened
from agentdash.cli.judging import look
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from agentdash.cli.main import Call
    from agentdash.present.verdicts import Told
    from agentdash.state.query import Query
    from agentdash.state.state import State
    from agentdash.state.views import Row
    from agentdash.triage.verdict import Verdict

Judged = dict[str, tuple["Row", "Verdict"]]


def run(call: Call) -> int:
    """Read and write the fleet."""
    from agentdash.state.query import QueryError, parse  # noqa: PLC0415 - after the command line has been understood

    settings = load_settings(call).settings
    try:
        query = parse(call.options.query)
    except QueryError as error:
        raise CliError(f"the filter cannot be understood: {error}", ExitCode.USAGE) from None
    client = client_for(call, settings)

    async def read() -> tuple[State, datetime]:
        from agentdash.cli.reading import Reading  # noqa: PLC0415

        async with opened(client):
            reading = Reading(client)
            await reading.server()
            await reading.fleet(settings.organization)
            return reading.state, reading.now()

    state, now = asyncio.run(read())
    judged = judge(state, now, query, look(state, now, settings))
    if call.options.as_json:
        output.say_json(as_json(state, now, judged))
    else:
        is_ascii = settings.ascii or "utf" not in (sys.stdout.encoding or "").lower()
        for line in table(judged, now, is_ascii=is_ascii):
            output.say(line)
    return ExitCode.OK


def judge(state: State, now: datetime, query: Query, told: Told) -> Judged:
    """The rows that match, worst first, each with its verdict."""
    from agentdash.present.columns import haystack  # noqa: PLC0415
    from agentdash.state.views import all_rows, filtered, sorted_rows  # noqa: PLC0415
    from agentdash.triage.verdict import verdict  # noqa: PLC0415

    found: Judged = {}
    for row in all_rows(state):
        seen = state.seen.get(row.workspace.id)
        first = verdict(row.workspace, row.agent, now, read_at=seen.at if seen else None)
        found[row.key] = (row, told.verdict(row, first))
    severity_of = lambda row: int(found[row.key][1].severity)  # noqa: E731 - one line for two calls
    rows = filtered(
        (row for row, _ in found.values()),
        query,
        severity_of,
        lambda row: haystack(row, found[row.key][1], now),
    )
    return {key: found[key] for key in sorted_rows(rows, severity_of)}


def as_json(state: State, now: datetime, judged: Judged) -> dict[str, object]:
    """The rows as the documented JSON, worst first."""
    from agentdash.present.export import agent_row_json, fleet_json, workspace_json  # noqa: PLC0415

    body = fleet_json(state, now, workspaces=())
    body["agents"] = [
        agent_row_json(row.workspace, row.agent, v, now)
        for row, v in judged.values()
        if row.agent is not None
    ]
    body["workspaces"] = [
        workspace_json(row.workspace, v, now) for row, v in judged.values() if row.agent is None
    ]
    return body


def table(judged: Judged, now: datetime, *, is_ascii: bool = False) -> list[str]:
    """The rows as lines of text, as wide as they are: nothing is cut where a program may read it."""
    from agentdash.present.columns import DEFAULT, columns_of, row_cells  # noqa: PLC0415
    from agentdash.present.glyphs import ASCII, UNICODE  # noqa: PLC0415
    from agentdash.text.width import cell_width, pad  # noqa: PLC0415

    columns = columns_of(DEFAULT)
    glyphs = ASCII if is_ascii else UNICODE
    lines = [[column.title for column in columns]]
    lines += [[c.text for c in row_cells(row, columns, v, now, glyphs)] for row, v in judged.values()]
    widths = [max(cell_width(line[i]) for line in lines) for i in range(len(columns))]
    return [
        "  ".join(pad(text, widths[i], columns[i].align) for i, text in enumerate(line)).rstrip()
        for line in lines
    ]
