"""What the rules of one workspace ask of everything around it, each question written down.

A judgement of a workspace follows from the workspace itself, from the answers noted here, and from the time as long as the
noted validity lasts. While these are the same it need not be made again (see `incremental`). A rule has no other way to
learn anything: what is to be asked is added here, and is noted from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

from agentdash.state.deployment import BuildSummary, LogTail, PrebuildsConfig, ProvisionerDaemon
from agentdash.state.detail import CLOSED_KEPT_S, AgentDetail
from agentdash.state.freshness import Fact
from agentdash.state.model import LogLine, Timings, Transition, Workspace
from agentdash.state.state import Seen
from agentdash.triage.baseline import Figures
from agentdash.triage.claims import Claim, claim_of
from agentdash.triage.clock import Moment, Validity, within
from agentdash.triage.facts import Facts, Part
from agentdash.triage.memory import Held, Starts
from agentdash.triage.pools import Pool
from agentdash.triage.thresholds import Thresholds

READ_LASTS = timedelta(seconds=90)
"""A row not read for longer is judged as of then: what may have changed since is no evidence."""

Question = tuple[Any, ...]
"""Name of a map in `MAPS` and a key of it, or name of a method of `Facts` and its arguments."""
MAPS: Final[Mapping[str, Callable[[Facts], Any]]] = {
    path: attrgetter(path)
    for path in (
        "state.seen",
        "state.history",
        "state.details",
        "deployment.builds",
        "deployment.timings",
        "deployment.build_logs",
        "deployment.parameters",
        "memory.starts",
        "memory.devcontainers",
        "memory.errors",
        "memory.unanswered",
    )
}
"""Maps of which single entries are asked for. One that is the same map as before answers as before."""


class Around:
    """The surroundings of one workspace.

    Args:
        facts: What is known.
        workspace: The workspace.

    Attributes:
        questions: What was asked, with the answer.
        validity: How long answers about times stand.
        now: The server's time.
        read: The same, not later than the row was read.
        judged: The same, not much later than the row was read.
    """

    __slots__ = ("__dict__", "_facts", "_workspace", "judged", "now", "questions", "read", "validity")

    def __init__(self, facts: Facts, workspace: Workspace) -> None:
        self._facts = facts
        self._workspace = workspace
        self.questions: dict[Question, Any] = {}
        self.validity = Validity()
        self.now = Moment(facts.now, None, self.validity)
        seen = self.seen()
        if seen is None:
            self.read = self.judged = self.now
        else:
            self.read = Moment(facts.now, seen.at, self.validity)
            self.judged = Moment(facts.now, _last_believed(seen.at), self.validity)

    @property
    def thresholds(self) -> Thresholds:
        """Limits."""
        return self._facts.thresholds

    def _get(self, path: str, key: str) -> Any:
        found = self.questions[path, key] = MAPS[path](self._facts).get(key)
        return found

    def _ask(self, name: str, *arguments: Any) -> Any:
        question = (name, *arguments)
        if question in self.questions:
            return self.questions[question]
        answer = self.questions[question] = getattr(self._facts, name)(*arguments)
        return answer

    # The workspace and its agents

    def seen(self) -> Seen | None:
        """When and how the workspace was last read."""
        found: Seen | None = self._get("state.seen", self._workspace.id)
        return found

    def history(self, key: str) -> Sequence[Transition]:
        """Transitions of a row, oldest first."""
        found: Sequence[Transition] | None = self._get("state.history", key)
        return found or ()

    def detail(self, agent_id: str) -> AgentDetail | None:
        """What is read of an agent on screen, or was read last of one that left it a short while ago."""
        found: AgentDetail | None = self._get("state.details", agent_id)
        if found is None or found.closed_at is None:
            return found
        return found if within(found.closed_at, self.now, CLOSED_KEPT_S) else None

    def read_until(self, agent_id: str) -> Moment:
        """The server's time, standing still at when the agent left the screen: what was read says nothing of later."""
        detail = self.detail(agent_id)
        closed_at = None if detail is None else detail.closed_at
        return self.now if closed_at is None else self.now.not_after(closed_at)

    def builds(self) -> tuple[BuildSummary, ...] | None:
        """Its builds, newest first; None if they were not read."""
        fact: Fact[tuple[BuildSummary, ...]] | None = self._get("deployment.builds", self._workspace.id)
        return None if fact is None else fact.value

    def timings(self) -> Timings | None:
        """Timings of its latest build, if they were read."""
        fact: Fact[Timings] | None = self._get("deployment.timings", self._workspace.build.id)
        return None if fact is None else fact.value

    def timings_of(self, build_id: str) -> Timings | None:
        """Timings of an earlier build of it, if they were read."""
        fact: Fact[Timings] | None = self._get("deployment.timings", build_id)
        return None if fact is None else fact.value

    def build_lines(self) -> tuple[LogLine, ...] | None:
        """The last lines of its latest build's log; None if it was not read."""
        lines: tuple[LogLine, ...] | None = self._ask("build_lines", self._workspace.build.id)
        return lines

    def build_log_read_at(self) -> datetime | None:
        """When the tail of that log was read."""
        fact: Fact[LogTail] | None = self._get("deployment.build_logs", self._workspace.build.id)
        return None if fact is None else fact.at

    def agent_lines(self, agent_id: str, source_id: str = "") -> tuple[LogLine, ...] | None:
        """The last lines of an agent's log, of one source if named; None if its log was not read."""
        lines: tuple[LogLine, ...] | None = self._ask("agent_lines", agent_id)
        if lines is None or not source_id:
            return lines
        return tuple(line for line in lines if line.source_id == source_id)

    def parameters(self) -> Mapping[str, str] | None:
        """Parameters of its latest build, if they were read."""
        fact: Fact[Mapping[str, str]] | None = self._get("deployment.parameters", self._workspace.build.id)
        return None if fact is None else fact.value

    @cached_property
    def claim(self) -> Claim | bool:
        """Its claim; False if it was no prebuild, True if that cannot be known."""
        workspace = self._workspace
        return claim_of(workspace, self.builds(), self.history(workspace.id))

    # What was seen before

    def starts(self, agent_key: str) -> Starts | None:
        """Starts of an agent that were noticed."""
        found: Starts | None = self._get("memory.starts", agent_key)
        return found

    def held(self, devcontainer: str) -> Held | None:
        """What a devcontainer has been, and since when."""
        found: Held | None = self._get("memory.devcontainers", devcontainer)
        return found

    def carried_error(self, container: str) -> str:
        """The error that a container once carried."""
        return self._get("memory.errors", container) or ""

    def unanswered(self, agent_key: str) -> tuple[str, ...]:
        """Questions in a row that dialled an agent in vain."""
        return self._get("memory.unanswered", agent_key) or ()

    # The fleet and the deployment

    def usual(self, step: str) -> Figures | None:
        """What is usual for a step of this template."""
        workspace = self._workspace
        found: Figures | None = self._ask(
            "usual", workspace.build.template_version_id, workspace.template_id, step
        )
        return found

    def usual_below(self, step: str, limit_s: float) -> Figures | None:
        """The same if the median is below the limit, else nothing: for rules about every well workspace."""
        workspace = self._workspace
        found: Figures | None = self._ask(
            "usual_below", workspace.build.template_version_id, workspace.template_id, step, limit_s
        )
        return found

    def ran(self, agent: str, script: str) -> tuple[int, int]:
        """On how many agents of this template version a script failed, and on how many it ended, this one included."""
        found: tuple[int, int] = self._ask("ran", self._workspace.build.template_version_id, agent, script)
        return found

    def connected(self, agent: str) -> tuple[int, int]:
        """How many root agents of this name and version never connected, and how many there are, this one included."""
        found: tuple[int, int] = self._ask("connected", self._workspace.build.template_version_id, agent)
        return found

    def running(self) -> tuple[int, int]:
        """How many running workspaces of the template have agents, and how many there are, this one included."""
        found: tuple[int, int] = self._ask("running", self._workspace.template_id)
        return found

    def relays_reported(self) -> tuple[bool, bool]:
        """Whether any connected root agent reports a relay, and whether more than a few are connected."""
        found: tuple[bool, bool] = self._ask("relays_reported")
        return found

    def pool(self) -> Pool | None:
        """The pool of its preset."""
        found: Pool | None = self._ask("pool", self._workspace.build.preset_id)
        return found

    def pools_of_version(self) -> tuple[Pool, ...]:
        """The pools of its template version."""
        found: tuple[Pool, ...] = self._ask("pools_of_version", self._workspace.build.template_version_id)
        return found

    def promoted(self, active_version_id: str) -> tuple[datetime | None, bool]:
        """A time by which a version was active, and whether that is proven by a prebuild made of it."""
        found: tuple[datetime | None, bool] = self._ask("promoted", active_version_id)
        return found

    def removed(self, since: datetime) -> datetime | None:
        """When a prebuild of the template was removed last since then, by the provisioner jobs."""
        found: datetime | None = self._ask("removed", self._workspace.template_name, since)
        return found

    def daemons(self) -> tuple[ProvisionerDaemon, ...] | None:
        """Provisioner daemons of its organization; None if they were not read."""
        found: tuple[ProvisionerDaemon, ...] | None = self._ask("daemons", self._workspace.organization_id)
        return found

    def sees_daemons(self) -> bool:
        """Whether this account is known to see them."""
        found: bool = self._ask("sees_daemons", self._workspace.organization_id)
        return found

    def config(self) -> PrebuildsConfig:
        """The reconciler's options."""
        found: PrebuildsConfig = self._ask("config")
        return found

    def server_version(self) -> str:
        """Version of the server."""
        return str(self._ask("server_version"))

    def server_address(self) -> str:
        """Where the server is."""
        return str(self._ask("server_address"))

    def health_codes(self) -> tuple[str, ...]:
        """Codes of the deployment's own health check."""
        found: tuple[str, ...] = self._ask("health_codes")
        return found

    def untold(self, part: Part, subject_id: str, what: str) -> str:
        """Why something about one build, agent or workspace is not there, in words."""
        return str(self._ask("untold", part, subject_id, what))


def _last_believed(read_at: datetime) -> datetime | None:
    try:
        return read_at + READ_LASTS
    except OverflowError:
        return None
