"""The agent on screen: which of its facts are read, by what is visible and by what the agent's status allows.

The server keeps containers and metadata streams of a dead agent open for ever and answers their pings, so the status
governs: when it leaves `connected` they are closed and what they told is said to be old (contract: agents.md §1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentdash.feed import facts
from agentdash.feed.containers import Containers
from agentdash.feed.context import Context
from agentdash.feed.facts import AgentRead, Poll, Subject
from agentdash.feed.links import LinkWatch
from agentdash.feed.logs import AgentLog
from agentdash.feed.metadata import Metadata
from agentdash.feed.tasks import Tasks
from agentdash.state import events as ev
from agentdash.state.freshness import NOT_ON_SCREEN, Problem
from agentdash.state.model import Agent, Workspace

PANE_OF: dict[ev.FactName, frozenset[str]] = {
    "ports": frozenset({"ports"}),
    "shares": frozenset({"ports"}),
    "containers": frozenset({"devcontainers"}),
    "metadata": frozenset({"metadata"}),
    "connection": frozenset({"network"}),
    "links": frozenset({"network"}),
    "timings": frozenset({"network", "scripts"}),
}
"""Panes that show a fact, by scope name."""
DIALLED: frozenset[ev.FactName] = frozenset({"ports", "containers"})
"""Facts that need a tunnel to the agent."""
PUSHED: frozenset[ev.FactName] = frozenset({"containers", "metadata"})

HIDDEN = Problem(NOT_ON_SCREEN, "Paused", "It is read only while it is on screen.")
GONE = Problem("AgentGone", "The agent is gone", "The workspace's latest build has no such agent.")
BUILDING = Problem(
    "BuildUnderWay", "A build is under way", "The workspace has no agents meanwhile.", "It goes on by itself."
)
SCRIPTS_RUN = Problem(
    "ScriptsRunning", "Waiting for the start scripts", "The agent looks for containers after them."
)


@dataclass(slots=True)
class _Part:
    """Something that runs for the agent."""

    run: Callable[[], Awaitable[None]]
    refresh: Callable[[], None]
    stream_id: str | None = None


@dataclass(slots=True)
class _Life:
    """One id of the opened agent, and what runs for it."""

    subject: Subject
    reader: AgentRead
    parts: dict[str, _Part] = field(default_factory=dict)
    said: dict[ev.FactName, Problem] = field(default_factory=dict)


class OpenedAgent:
    """Follows an agent by its key through rebuilds."""

    def __init__(self, ctx: Context, tasks: Tasks, touch: Callable[[str], None]) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self._touch = touch
        self._key: str | None = None
        self._panes: frozenset[str] = frozenset()
        self._life: _Life | None = None

    def open(self, key: str | None, panes: frozenset[str]) -> None:
        """Show this agent with these panes; takes effect with `reconcile`."""
        if key != self._key:
            self._end_life()
        self._key = key
        self._panes = panes

    def refresh(self) -> None:
        """Read everything on screen now; what had given up begins anew."""
        life = self._life
        if life is None:
            return
        for name, part in list(life.parts.items()):
            if self._tasks.is_done(self._task(life, name)):
                self._stop(life, name)
            else:
                part.refresh()

    def measure(self) -> None:
        """Measure the relays now, if that is done at all at present."""
        part = None if self._life is None else self._life.parts.get("links")
        if part is not None:
            part.refresh()

    def reconcile(self) -> None:
        """Compare what should run with what runs."""
        if self._key is None:
            return
        found = self._ctx.state().row(self._key)
        agent = None if found is None else found[1]
        if found is not None and agent is not None and not self._is_life_of(agent):
            self._end_life()
            self._begin_life(found[0], agent)
        life = self._life
        if life is None:
            return
        if found is None or agent is None:
            self._outlive(life)
        else:
            self._balance(life, found[0], agent)

    # -- lives ----------------------------------------------------------------------------------------------------

    def _is_life_of(self, agent: Agent) -> bool:
        return self._life is not None and self._life.subject.agent_id == agent.id

    def _begin_life(self, workspace: Workspace, agent: Agent) -> None:
        subject = Subject(self._ctx, workspace.id, agent.id, self._touch)
        self._life = _Life(subject, AgentRead(subject))
        self._ctx.emit(ev.AgentOpened(agent.id))

    def _end_life(self) -> None:
        life, self._life = self._life, None
        if life is None:
            return
        for name in list(life.parts):
            self._stop(life, name)
        self._ctx.emit(ev.AgentClosed(life.subject.agent_id, self._ctx.server_now()))

    def _outlive(self, life: _Life) -> None:
        """The agent has left the workspace: its last facts stay on screen as what they are, its log is completed."""
        for name in [n for n in life.parts if n != "logs"]:
            self._stop(life, name)
        for fact, panes in PANE_OF.items():
            if fact in PUSHED or panes & self._panes:
                self._say(life, fact, GONE, refused=True)

    # -- facts ----------------------------------------------------------------------------------------------------

    def _balance(self, life: _Life, workspace: Workspace, agent: Agent) -> None:
        wanted = self._wanted(workspace, agent)
        stopped = [n for n in life.parts if n not in wanted]
        for name in stopped:
            self._stop(life, name)
        for fact, panes in PANE_OF.items():
            hindrance = _hindrance(fact, workspace, agent)
            if hindrance is not None and (panes & self._panes or fact in stopped):
                self._say(life, fact, hindrance, refused=True)
            elif hindrance is None and fact in PUSHED and fact in stopped and not panes & self._panes:
                self._say(life, fact, HIDDEN)
            elif panes & self._panes:
                life.said.pop(fact, None)
        for name in wanted:
            if name not in life.parts:
                part = self._make(life, name, workspace)
                life.parts[name] = part
                self._tasks.start(self._task(life, name), part.run)

    def _wanted(self, workspace: Workspace, agent: Agent) -> list[str]:
        names = ["agent"]
        if "logs" in self._panes:
            names.append("logs")
        detail = self._ctx.state().details.get(agent.id)
        for fact, panes in PANE_OF.items():
            if fact == "links" and (detail is None or not detail.connection.is_usable):
                continue  # which relays there are comes with the connection
            if panes & self._panes and _hindrance(fact, workspace, agent) is None:
                names.append("metadata-once" if fact == "metadata" and not agent.is_connected else fact)
        return names

    def _make(self, life: _Life, name: str, workspace: Workspace) -> _Part:
        subject = life.subject
        match name:
            case "agent":
                return _Part(life.reader.run, life.reader.alarm.ring)
            case "logs":
                log = AgentLog(self._ctx, subject.workspace_id, subject.agent_id, life.reader.ask)
                return _Part(log.run, log.refresh, log.stream_id)
            case "containers":
                containers = Containers(subject)
                return _Part(containers.run, containers.refresh, containers.stream_id)
            case "metadata":
                metadata = Metadata(subject)
                return _Part(metadata.run, metadata.refresh, metadata.stream_id)
            case "metadata-once":
                return _Part(Metadata(subject).run_once, _nothing)
            case "timings":
                return _polled(facts.timings(subject, workspace.build.id))
            case "links":
                links = LinkWatch(subject)
                return _Part(links.run, links.alarm.ring)
            case "ports":
                return _polled(facts.ports(subject))
            case "shares":
                return _polled(facts.shares(subject))
            case _:
                return _polled(facts.connection(subject))

    def _stop(self, life: _Life, name: str) -> None:
        part = life.parts.pop(name)
        self._tasks.stop(self._task(life, name))
        if part.stream_id is not None:
            self._ctx.emit(ev.StreamForgotten(part.stream_id))

    def _say(self, life: _Life, fact: ev.FactName, problem: Problem, *, refused: bool = False) -> None:
        if life.said.get(fact) == problem:
            return
        life.said[fact] = problem
        life.subject.fail(fact, problem, refused=refused)

    def _task(self, life: _Life, name: str) -> str:
        return f"agent:{life.subject.agent_id}:{name}"


def _hindrance(fact: ev.FactName, workspace: Workspace, agent: Agent) -> Problem | None:
    """Why a fact cannot be read now; None when it can."""
    if workspace.agents_are_previous:
        return BUILDING
    if fact in DIALLED and not agent.is_connected:
        return Problem(
            "AgentNotConnected",
            f"Agent {agent.status or 'not connected'}",
            "Only a connected agent can be asked.",
            "It is read again when the agent is back.",
        )
    if fact == "containers" and agent.lifecycle in facts.STARTING:
        return SCRIPTS_RUN
    return None


def _polled(poll: Poll) -> _Part:
    return _Part(poll.run, poll.alarm.ring)


def _nothing() -> None:
    return None
