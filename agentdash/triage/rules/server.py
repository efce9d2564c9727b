"""The deployment, versions, and ourselves (contract: triage.md §4.10). V04 is told by what cannot be known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from immutables import Map

from agentdash.api.schema import AgentStatus, BuildStatus, Lifecycle
from agentdash.state.freshness import Fact, Problem, StreamState
from agentdash.state.model import Devcontainer
from agentdash.triage.cases import AgentCase, Case, Outcome, WorkspaceCase
from agentdash.triage.clock import age_s, within, words
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Confidence, Evidence, Severity, Step, Subject
from agentdash.triage.rules.registry import agent_rule, deployment_rule, workspace_rule
from agentdash.triage.rules.wording import version_of

_BUILD_WORDS = frozenset(
    {
        *BuildStatus.ACTIVE,
        BuildStatus.RUNNING,
        BuildStatus.STOPPED,
        BuildStatus.FAILED,
        BuildStatus.CANCELED,
        BuildStatus.DELETED,
    }
)
_JOB_WORDS = frozenset({"pending", "running", "succeeded", "canceling", "canceled", "failed", "unknown"})
_TRANSITIONS = frozenset({"start", "stop", "delete"})
_SCRIPT_WORDS = frozenset({"ok", "exit_failure", "timed_out", "pipes_left_open"})
_APP_WORDS = frozenset({"disabled", "initializing", "healthy", "unhealthy"})
_DEVCONTAINER_WORDS = frozenset({"running", "stopped", "starting", "stopping", "deleting", "error"})
_STREAMS_WINDOW_S = 5.0
_LEAST_STREAMS = 3


@dataclass(frozen=True, slots=True)
class MassLoss:
    """Most agents lost within seconds: the server or the network, not so many agents."""

    at: datetime
    agents: frozenset[str]
    """Ids of those that were lost together."""
    total: int


def mass_loss(facts: Facts) -> MassLoss | None:
    """The loss of most agents at once, if there was one that still lasts."""
    lost = sorted(one for of_workspace in facts.census.lost.values() for one in of_workspace)
    total = facts.census.count("countable")
    limits = facts.thresholds
    best: list[tuple[datetime, str]] = []
    first = 0
    for last in range(len(lost)):
        while (lost[last][0] - lost[first][0]).total_seconds() > limits.mass_window_s:
            first += 1
        if last - first + 1 > len(best):
            best = lost[first : last + 1]
    if len(best) < limits.mass_least or 100 * len(best) <= limits.mass_share_pct * total:
        return None
    return MassLoss(best[0][0], frozenset(agent_id for _, agent_id in best), total)


@deployment_rule("V06")
def lost_at_once(case: Case) -> Outcome:
    """Most agents, or all streams, were lost within seconds."""
    loss = mass_loss(case.facts)
    if loss is not None:
        yield from _lost_agents(case, loss)
        return
    streams = list(case.facts.state.streams.values())
    cut = [s for s in streams if s.state is not StreamState.LIVE and s.reconnects > 0]
    if len(cut) < _LEAST_STREAMS or len(cut) < len(streams):
        return
    since = [s.since for s in cut]
    if (max(since) - min(since)).total_seconds() <= _STREAMS_WINDOW_S and within(
        max(since), case.now, case.limits.server_restart_s
    ):
        proof = Evidence(min(since), f"{len(cut)} streams ended within 5 s", "streams")
        yield case.find("V06", subject=Subject("deployment", "server"), since=min(since), evidence=[proof])


def _lost_agents(case: Case, loss: MassLoss) -> Outcome:
    text = f"{len(loss.agents)} of {loss.total} agents lost within seconds"
    proof = Evidence(loss.at, text, "agent.disconnected_at")
    subject = Subject("deployment", "server")
    if within(loss.at, case.now, case.limits.server_restart_s):
        yield case.find("V06", subject=subject, since=loss.at, evidence=[proof])
        return
    report = case.facts.deployment.health.value
    if report is not None and report.severity == "error":
        return  # V02 says what is wrong; see `diagnose`
    age = age_s(loss.at, case.now) or 0.0
    yield case.find(
        "A05",
        subject=subject,
        title=f"{len(loss.agents)} of {loss.total} agents lost their connection at once",
        since=loss.at,
        evidence=[proof, Evidence(None, f"still lost after {words(age)}", "agent.status")],
        causes=["the network between the workspaces and the deployment", "the deployment itself"],
        next_steps=[Step("look at the network and at the deployment's own health first")],
    )


@deployment_rule("V02")
def unhealthy(case: Case) -> Outcome:
    """The deployment's own health check finds something, or the deployment does not answer."""
    problem = case.facts.state.server.problem
    if problem is not None and problem.kind != "NotLoggedIn":
        at = case.facts.state.fleet.at
        age = age_s(at, case.facts.now)
        said = f"shown data are {words(age)} old" if age is not None else ""
        yield case.find(
            "V02",
            subject=Subject("deployment", "server"),
            title=f"Deployment does not answer: {problem.title}",
            evidence=[
                Evidence(None, f"{problem.title} {problem.detail}".strip(), "requests"),
                Evidence(at, said, "last reading of the list") if said else None,
            ],
            next_steps=[Step(problem.next_step)] if problem.next_step else (),
        )
    report = case.facts.deployment.health.value
    if report is None or case.facts.unknown("health") is not None:
        return
    for section in report.sections:
        if section.dismissed or section.severity not in ("warning", "error"):
            continue
        codes = " ".join(w.code for w in section.warnings if w.code)
        yield case.find(
            "V02",
            severity=Severity.UNUSABLE if section.severity == "error" else Severity.DEGRADED,
            subject=Subject("deployment", f"health:{section.name}"),
            title=f"Deployment health: {section.name.replace('_', ' ')} {section.severity} {codes}".rstrip(),
            since=report.at,
            suspect=codes,
            evidence=[
                Evidence(report.at, f"{section.name}: {section.severity}", "debug/health"),
                *(
                    Evidence(None, f"{w.code} {w.message}".strip(), "debug/health")
                    for w in section.warnings[:4]
                ),
                Evidence(None, section.error, "debug/health") if section.error else None,
            ],
        )


@deployment_rule("V03")
def rate_limited(case: Case) -> Outcome:
    """The server asks us to slow down."""
    said = [p for p in _problems(case.facts) if p.status == 429]
    if said:
        proof = Evidence(None, f"429 {said[0].title}: {said[0].detail}".rstrip(": "), "requests")
        yield case.find("V03", subject=Subject("deployment", "requests"), evidence=[proof])


def _problems(facts: Facts) -> Iterator[Problem]:
    found = [facts.state.server.problem, facts.state.fleet.problem]
    found += [stream.problem for stream in facts.state.streams.values()]
    for detail in facts.state.details.values():
        if detail.closed_at is not None:
            continue  # nothing is asked of it at present
        found += [
            detail.ports.problem,
            detail.containers.problem,
            detail.metadata.problem,
            detail.timings.problem,
        ]
    deployment = facts.deployment
    simple = (deployment.templates, deployment.prebuilds, deployment.config, deployment.health)
    found += [fact.problem for fact in (*simple, deployment.regions)]
    of_subjects: tuple[Map[str, Fact[Any]], ...] = (
        deployment.presets,
        deployment.daemons,
        deployment.jobs,
        deployment.builds,
        deployment.timings,
        deployment.build_logs,
        deployment.agent_logs,
        deployment.parameters,
    )
    found += [fact.problem for facts_of in of_subjects for fact in facts_of.values()]
    yield from (problem for problem in found if problem is not None)


@deployment_rule("V05")
def logged_out(case: Case) -> Outcome:
    """The token is not accepted any more."""
    problem = case.facts.state.server.problem
    if problem is not None and problem.kind == "NotLoggedIn":
        proof = Evidence(None, problem.detail or problem.title, "401")
        yield case.find("V05", subject=Subject("deployment", "login"), evidence=[proof])


@deployment_rule("V08")
def proxy_down(case: Case) -> Outcome:
    """A workspace proxy is down."""
    for region in case.facts.deployment.regions.value or ():
        if not region.healthy and region.name and region.name != "primary":
            yield case.find(
                "V08",
                subject=Subject("proxy", region.id or region.name),
                title=f"Workspace proxy {region.name} is down",
                suspect=region.name,
                evidence=[Evidence(None, f"{region.name}: healthy is false", "regions")],
            )


@agent_rule("V01", statuses=("connected",))
def old_agent(case: AgentCase) -> Outcome:
    """The agent is older than the server."""
    if not case.is_up or case.agent.status != "connected" or case.agent.parent_id is not None:
        return
    server, agent = version_of(case.facts.server_version()), version_of(case.agent.version)
    if server is None or agent is None or agent >= server:
        return
    minors = server[1] - agent[1] if server[0] == agent[0] else 99
    is_bad = minors > case.limits.old_minors or case.workspace.is_prebuild
    text = f"agent {case.agent.version}, server {case.facts.server_version()}"
    yield case.find(
        "V01",
        severity=Severity.DEGRADED if is_bad else None,
        evidence=[case.proof("version", text)],
    )


@workspace_rule("V07")
def unknown_build(case: WorkspaceCase) -> Outcome:
    """The server sent words about the build that nobody here knows."""
    build = case.build
    found = [
        f"{path} {word}"
        for path, word, words_known in (
            ("latest_build.status", build.status, _BUILD_WORDS),
            ("job.status", build.job.status, _JOB_WORDS),
            ("transition", build.transition, _TRANSITIONS),
        )
        if word and word not in words_known
    ]
    if found:
        yield case.find(
            "V07",
            confidence=Confidence.CERTAIN,
            suspect=found[0],
            evidence=[Evidence(None, text, "latest_build") for text in found],
        )


@agent_rule("V07", is_for_up=False)
def unknown_agent(case: AgentCase) -> Outcome:
    """The server sent words about the agent that nobody here knows."""
    agent = case.agent
    found = [
        f"{path} {word}"
        for path, word, words_known in (
            ("status", agent.status, AgentStatus.ALL),
            ("lifecycle_state", agent.lifecycle, Lifecycle.ALL),
            *((f"scripts: {s.name}", s.status or "", _SCRIPT_WORDS) for s in agent.scripts),
            *((f"apps: {a.slug}", a.health, _APP_WORDS) for a in agent.apps),
            *((f"devcontainers: {d.name}", d.status, _DEVCONTAINER_WORDS) for d in _devcontainers(case)),
        )
        if word and word not in words_known
    ]
    if found:
        yield case.find(
            "V07", suspect=found[0], evidence=[Evidence(None, text, "agent") for text in found[:6]]
        )


def _devcontainers(case: AgentCase) -> tuple[Devcontainer, ...]:
    detail = case.facts.detail(case.agent.id)
    if detail is None or detail.containers.value is None:
        return ()
    return detail.containers.value.devcontainers
