"""`agentdash agent [OWNER/]WORKSPACE[.AGENT]`: everything about one agent, as text or as JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.connect import client_for, load_settings, opened
from agentdash.cli.judging import look
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from agentdash.cli.main import Call
    from agentdash.present.glyphs import Glyphs
    from agentdash.present.verdicts import Told
    from agentdash.state.model import Agent, LogLine, Workspace
    from agentdash.state.state import State


def run(call: Call) -> int:
    """Read and write one agent."""
    settings = load_settings(call).settings
    owner, name, agent_name = parse_target(call.options.target)
    client = client_for(call, settings)

    async def read() -> tuple[State, Workspace, Agent, tuple[LogLine, ...] | None, datetime]:
        from agentdash.cli.reading import Reading  # noqa: PLC0415 - after the command line has been understood

        async with opened(client):
            reading = Reading(client)
            await reading.server()
            workspace = await reading.workspace(owner, name)
            agent = choose(workspace, agent_name)
            await asyncio.gather(reading.agent_facts(workspace, agent), reading.around())
            lines = await reading.last_lines(agent.id, call.options.logs)
            return reading.state, workspace, agent, lines, reading.now()

    state, workspace, agent, lines, now = asyncio.run(read())
    if call.options.as_json:
        from agentdash.present.export import agent_json  # noqa: PLC0415

        output.say_json(agent_json(state, workspace, agent, now, logs=lines, told=look(state, now, settings)))
        return ExitCode.OK
    from agentdash.present.glyphs import ASCII, UNICODE  # noqa: PLC0415

    is_ascii = settings.ascii or "utf" not in (sys.stdout.encoding or "").lower()
    told = look(state, now, settings)
    for line in text_lines(
        state, workspace, agent, now, lines=lines or (), told=told, glyphs=ASCII if is_ascii else UNICODE
    ):
        output.say(line)
    return ExitCode.OK


def parse_target(text: str) -> tuple[str, str, str]:
    """Owner, workspace and agent of `owner/workspace.agent`; owner `me` and agent empty where they are left out.

    Raises:
        CliError: It names no workspace.
    """
    owner, slash, rest = text.rpartition("/")
    name, _, agent = rest.partition(".")
    if not name or (slash and not owner) or "/" in owner:
        raise CliError(
            f"{text} does not name a workspace", ExitCode.USAGE, "Give it as owner/workspace.agent"
        )
    return owner or "me", name, agent


def choose(workspace: Workspace, name: str) -> Agent:
    """The agent that is meant: by name, else the only one that is no sub-agent.

    Raises:
        CliError: There is none, or there are several.
    """
    agents = workspace.agents
    if not agents:
        build = workspace.build
        raise CliError(
            f"{workspace.full_name} has no agent: its build is {build.status}",
            next_step=f"Start it with `coder start {workspace.full_name}`"
            if build.status == "stopped"
            else "",
        )
    if name:
        found = next((a for a in agents if a.name == name), None)
    else:
        tops = [a for a in agents if a.parent_id is None]
        found = tops[0] if len(tops) == 1 else None
    if found is None:
        names = ", ".join(f"{workspace.name}.{a.name}" for a in agents)
        what = (
            f"{workspace.full_name} has no agent {name}"
            if name
            else f"{workspace.full_name} has several agents"
        )
        raise CliError(what, ExitCode.TROUBLE, f"It has {names}")
    return found


def text_lines(
    state: State,
    workspace: Workspace,
    agent: Agent,
    now: datetime,
    *,
    lines: Sequence[LogLine],
    told: Told,
    glyphs: Glyphs,
) -> Iterator[str]:
    """The panes of the agent as text, one after the other."""
    from agentdash.present import describe  # noqa: PLC0415
    from agentdash.present.logline import Sources, draw_line  # noqa: PLC0415
    from agentdash.state.detail import AgentDetail  # noqa: PLC0415
    from agentdash.state.views import rows_of  # noqa: PLC0415
    from agentdash.triage.verdict import verdict  # noqa: PLC0415

    row = next(row for row in rows_of(workspace) if row.key == agent.key)
    judged = told.verdict(row, verdict(workspace, agent, now))
    detail = state.details.get(agent.id) or AgentDetail(agent.id)
    yield describe.locator(workspace, agent)
    facts = describe.health_facts(
        workspace,
        agent,
        judged,
        now,
        server=state.server,
        findings=told.about(row),
        group=told.group_of(judged),
        glyphs=glyphs,
    )
    for fact in facts:
        yield f"  {fact.label:<12}{fact.value.text}  {fact.extra.text}".rstrip()
    shares = detail.shares.value or ()
    panes = [
        ("Scripts", "scripts", None, describe.script_lines(agent, detail.timings.value, now, glyphs=glyphs)),
        (
            "Ports",
            "ports",
            detail.ports,
            describe.port_lines(detail.ports.value or (), shares, agent.name, glyphs=glyphs),
        ),
        (
            "Devcontainers",
            "devcontainers",
            detail.containers,
            describe.container_lines(detail.containers.value, glyphs=glyphs)
            if detail.containers.value
            else (),
        ),
        ("Apps", "apps", None, describe.app_lines(agent, now, glyphs=glyphs)),
        (
            "Metadata",
            "metadata",
            detail.metadata,
            describe.metadata_lines(detail.metadata.value or (), glyphs=glyphs),
        ),
    ]
    for title, pane, source, rows in panes:
        yield title
        yield from _table(rows) if rows else [f"  {glyphs.say(describe.empty_place(pane, agent, source))}"]
    yield "Logs"
    sources = Sources(agent)
    for line in lines:
        drawn = draw_line(line, sources, now)
        yield f"  {drawn.time.text} {drawn.source.text:<{sources.width}}  {drawn.text}"
    if not lines:
        yield f"  {describe.empty_place('logs', agent)}"


def _table(rows: Sequence[object]) -> Iterator[str]:
    from agentdash.present.tables import Line  # noqa: PLC0415
    from agentdash.text.width import cell_width, pad  # noqa: PLC0415

    lines = [[cell.text for cell in row.cells] for row in rows if isinstance(row, Line)]
    widths = [max(cell_width(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        yield "  " + "  ".join(pad(t, w) for t, w in zip(line, widths, strict=True) if w).rstrip()
