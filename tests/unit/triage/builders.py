"""A small healthy deployment for the tests of triage, of which a test spoils one thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from immutables import Map

from agentdash.state.deployment import (
    BuildSummary,
    Deployment,
    HealthReport,
    HealthSection,
    HealthWarning,
    LogTail,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProvisionerJob,
    ProxyRegion,
    Template,
    TemplateVersion,
    summary_of,
)
from agentdash.state.detail import AgentDetail, Reading
from agentdash.state.freshness import Fact, Freshness, Problem, Stream, StreamState
from agentdash.state.model import (
    PREBUILDS_USER_ID,
    Agent,
    Container,
    Containers,
    Devcontainer,
    LogLine,
    LogSource,
    MatchedProvisioners,
    MetadataItem,
    RegionLatency,
    Resource,
    ResourceMetadata,
    Role,
    Script,
    Server,
    Timing,
    Timings,
    Transition,
    User,
    Workspace,
)
from agentdash.state.state import Seen, State
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis, Finding
from agentdash.triage.memory import Held, Memory, Starts
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_app,
    make_build,
    make_job,
    make_script,
    make_workspace,
)

ORG = "org-1"
VERSION = "ver-31"
PRESET = "preset-small"

__all__ = [
    "NOW",
    "ORG",
    "PREBUILDS_USER_ID",
    "PRESET",
    "VERSION",
    "Agent",
    "AgentDetail",
    "BuildSummary",
    "Container",
    "Containers",
    "Deployment",
    "Devcontainer",
    "Fact",
    "Facts",
    "Finding",
    "Freshness",
    "HealthReport",
    "HealthSection",
    "HealthWarning",
    "Held",
    "LogSource",
    "LogTail",
    "MatchedProvisioners",
    "Memory",
    "MetadataItem",
    "PrebuildsSettings",
    "Preset",
    "Problem",
    "ProvisionerDaemon",
    "ProvisionerJob",
    "ProxyRegion",
    "Reading",
    "RegionLatency",
    "Resource",
    "ResourceMetadata",
    "Role",
    "Script",
    "Server",
    "Starts",
    "State",
    "Stream",
    "StreamState",
    "Timing",
    "Timings",
    "Transition",
    "User",
    "Workspace",
    "agent",
    "bare_prebuild",
    "before",
    "build",
    "claimed",
    "daemon",
    "devcontainer_row",
    "facts",
    "failed_build",
    "job",
    "line",
    "make_app",
    "pending",
    "prebuild",
    "read",
    "refused",
    "replace",
    "rules_of",
    "script",
    "sub_agent",
    "tail",
    "workspace",
]  # fmt: skip


def read(value: Any, at: datetime = NOW) -> Fact[Any]:
    """A fact that was read."""
    return Fact(value, Freshness.POLLED, at)


def refused(
    status: int = 404, title: str = "Not found", kind: str = "NotFound", detail: str = ""
) -> Fact[Any]:
    """A fact the server will not tell."""
    return Fact(None, Freshness.REFUSED, None, Problem(kind, title, detail, status=status))


def script(name: str = "install-deps", **fields: Any) -> Script:
    return make_script(name, **{"timeout_s": 300.0, **fields})


def devcontainer_row(name: str = "app", **fields: Any) -> Script:
    """The row of a template's devcontainer among the scripts."""
    values = {
        "is_devcontainer": True,
        "run_on_start": False,
        "id": f"dc-{name}",
        "source_id": f"src-dc-{name}",
    }
    return make_script(f"Dev Container ({name})", **{**values, **fields})


def agent(name: str = "main", workspace_id: str = "w1", **fields: Any) -> Agent:
    values: dict[str, Any] = {
        "latency": (RegionLatency("Frankfurt", 24.0, True),),
        "version": "v2.37.1+1a2b",
        "logs_length": 4000,
        "resource_id": "res-main",
        "scripts": (script(),),
        "log_sources": (
            LogSource("src-install-deps", "install-deps"),
            LogSource("src-dc-app", "Dev Container (app)"),
        ),
    }
    return make_agent(name, workspace_id, **{**values, **fields})


def sub_agent(parent: Agent, name: str = "app", **fields: Any) -> Agent:
    values = {
        "parent_id": parent.id,
        "parent_name": parent.name,
        "scripts": (),
        "log_sources": (),
        "logs_length": 0,
    }
    return agent(name, parent.workspace_id, **{**values, **fields})


def job(status: str = "succeeded", **fields: Any) -> Any:
    return make_job(status, **fields)


def build(workspace_id: str = "w1", **fields: Any) -> Any:
    values: dict[str, Any] = {
        "id": f"b-{workspace_id}",
        "workspace_id": workspace_id,
        "template_version_id": VERSION,
        "initiator_id": "u1",
        "initiator_name": "ada",
        "reason": "initiator",
        "resources": (
            Resource("res-main", "docker_container", "main"),
            Resource("res-vol", "docker_volume", "home"),
        ),
    }
    return make_build(**{**values, **fields})


def pending(workspace_id: str = "w1", waited_s: float = 120, **fields: Any) -> Any:
    """A build that waits for a provisioner."""
    at = before(waited_s)
    waiting = job(
        "pending", created_at=at, started_at=None, completed_at=None, queue_position=1, queue_size=4
    )
    values = {"status": "pending", "job": waiting, "resources": (), "created_at": at}
    return build(workspace_id, **{**values, **fields})


def failed_build(
    workspace_id: str = "w1", error: str = "terraform apply: exit status 1", **fields: Any
) -> Any:
    """A start build that failed half an hour ago."""
    broken = job(
        "failed", error=error, created_at=before(1900), started_at=before(1890), completed_at=before(1800)
    )
    values = {"status": "failed", "job": broken, "resources": (), "created_at": before(1900)}
    return build(workspace_id, **{**values, **fields})


def workspace(*agents: Agent, id: str = "w1", **fields: Any) -> Workspace:  # noqa: A002 - the model's word
    values: dict[str, Any] = {
        "id": id,
        "name": id,
        "build": build(id),
        "template_id": "tpl-web",
        "template_active_version_id": VERSION,
        "organization_id": ORG,
        "created_at": before(90_000),
    }
    return make_workspace(*agents, **{**values, **fields})


def prebuild(number: int = 1, *agents: Agent, **fields: Any) -> Workspace:
    """An unclaimed prebuild of the pool, ready unless its agents say otherwise."""
    return bare_prebuild(number, *(agents or (agent(workspace_id=f"pb{number}"),)), **fields)


def bare_prebuild(number: int = 1, *agents: Agent, **fields: Any) -> Workspace:
    """The same without an agent, unless some are given: as it is while and after a build that did not succeed."""
    home = f"pb{number}"
    values: dict[str, Any] = {
        "name": f"prebuild-{number}",
        "owner_id": PREBUILDS_USER_ID,
        "owner_name": "prebuilds",
        "is_prebuild": True,
        "created_at": before(3700),
        "build": build(
            home,
            number=1,
            preset_id=PRESET,
            initiator_id=PREBUILDS_USER_ID,
            initiator_name="prebuilds",
        ),
    }
    return workspace(*agents, id=home, **{**values, **fields})


def claimed(*agents: Agent, **fields: Any) -> Workspace:
    """A workspace that was a prebuild; its builds are in `claimed_builds`."""
    values: dict[str, Any] = {
        "build": build(
            "w1", number=2, preset_id=PRESET, job=job(completed_at=before(600)), created_at=before(620)
        ),
        "owner_id": "u1",
    }
    return workspace(*agents, **{**values, **fields})


def claim_builds(of: Workspace) -> Map[str, Fact[Any]]:
    """Builds of a claimed workspace: the first by the prebuilds user."""
    first = BuildSummary(
        "b-first", of.id, 1, "start", "running", "succeeded", before(9000), initiator_id=PREBUILDS_USER_ID
    )
    return Map({of.id: read((summary_of(of.build), first))})


def daemon(name: str = "prov-1", **fields: Any) -> ProvisionerDaemon:
    values: dict[str, Any] = {
        "id": f"id-{name}",
        "organization_id": ORG,
        "status": "idle",
        "version": "v2.37.1+1a2b",
        "tags": Map({"scope": "organization", "owner": ""}),
        "last_seen_at": before(10),
    }
    return ProvisionerDaemon(name=name, **{**values, **fields})


def line(number: int, text: str, source: str = "src-install-deps", **fields: Any) -> LogLine:
    values: dict[str, Any] = {"at": before(max(0, 600 - number)), "level": "info"}
    return LogLine(id=number, source_id=source, text=text, **{**values, **fields})


def tail(*texts: str, source: str = "src-install-deps", level: str = "info") -> Fact[LogTail]:
    lines = tuple(line(number, text, source, level=level) for number, text in enumerate(texts, 1))
    return read(LogTail(lines))


def healthy_deployment() -> Deployment:
    return Deployment(
        templates=read(Map({"tpl-web": Template("tpl-web", "web", ORG, active_version_id=VERSION)})),
        versions=Map({VERSION: TemplateVersion(VERSION, "tpl-web", "v31", before(200_000))}),
        presets=Map({VERSION: read((Preset(PRESET, "small", VERSION, 2),))}),
        prebuilds=read(PrebuildsSettings()),
        daemons=Map({ORG: read((daemon(),))}),
        jobs=Map({ORG: read(())}),
        health=read(HealthReport(before(60), "ok", (HealthSection("derp", "ok"),))),
        regions=read((ProxyRegion("r1", "primary", True),)),
    )


OWNER = User("u-ops", "ops", roles=(Role("owner"),))


def facts(*workspaces: Workspace, pool: int = 2, now: datetime = NOW, **fields: Any) -> Facts:
    """A deployment: the workspaces given, and beside them a pool of ready prebuilds that is as full as it should be.

    Args:
        workspaces: What the test is about.
        pool: Ready prebuilds beside them; they share no id with any workspace.
        now: Server time.
        fields: `deployment`, `details`, `history`, `memory`, `server`, `streams`, `seen`, `logs` replaced; any other name
            is a field of the deployment.
    """
    filled = [prebuild(number) for number in range(91, 91 + pool)]
    everyone = (*workspaces, *filled)
    server = Server(
        url="https://coder.example.com",
        version="v2.37.1+1a2b",
        user=OWNER,
        reached_at=NOW,
        entitlements=Map({"workspace_prebuilds": True}),
        wildcard_host="*.apps.example.com",
    )
    memory = fields.pop("memory", Memory(since=before(7200)))
    deployment = fields.pop("deployment", None) or healthy_deployment()
    state = State(
        server=fields.pop("server", server),
        workspaces=Map({w.id: w for w in everyone}),
        seen=fields.pop("seen", Map({w.id: Seen(now, "page") for w in everyone})),
        agent_homes=Map({a.id: w.id for w in everyone for a in w.agents}),
        fleet=fields.pop("fleet", read(len(everyone))),
        details=fields.pop("details", Map()),
        history=fields.pop("history", Map()),
        streams=fields.pop("streams", Map()),
    )
    return Facts(state, now, replace(deployment, **fields), memory)


def detail(of: Agent, **fields: Any) -> Map[str, AgentDetail]:
    """Details of one agent on screen."""
    return Map({of.id: AgentDetail(of.id, **fields)})


def changes(*steps: tuple[float, str, str, str]) -> tuple[Transition, ...]:
    """Transitions as (seconds ago, what, old, new)."""
    return tuple(Transition(before(ago), what, old, new) for ago, what, old, new in steps)


def rules_of(of: Facts | Diagnosis) -> set[str]:
    """Rules that fired, consequences included."""
    found = diagnose(of) if isinstance(of, Facts) else of
    return {finding.rule for finding in found.flat()}


def find(of: Facts, rule: str) -> Finding:
    """The first finding of a rule."""
    return next(f for f in diagnose(of).flat() if f.rule == rule)


@dataclass(frozen=True)
class Case:
    """A rule where it must fire, and the nearest moment at which it must not.

    Attributes:
        fires: Facts in which the rule holds.
        near: Facts in which it nearly does.
        also: Other rules that rightly hold in `fires`.
        severity: `S1` … `S4` where it is not to be taken as it comes.
    """

    fires: Callable[[], Facts]
    near: Callable[[], Facts]
    also: frozenset[str] = frozenset()
    severity: str = ""


def check(rule: str, case: Case) -> None:
    """Hold a rule against its two moments: nothing else may fire in the first, it alone must be silent in the second."""
    found = rules_of(case.fires())
    assert rule in found
    assert found - {rule} <= case.also
    if case.severity:
        assert find(case.fires(), rule).severity.label == case.severity
    said = find(case.fires(), rule)
    assert said.evidence, "a finding without a proof"
    assert said.next or rule == "V07", "a finding without a next step"
    assert not re.search(r"\{\w+\}", " ".join((said.title, *(f"{s.text} {s.command}" for s in said.next))))
    assert rule not in rules_of(case.near())
