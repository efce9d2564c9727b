"""Apps of the workspace (contract: triage.md §4.9)."""

from __future__ import annotations

from agentdash.triage.cases import AgentCase, Case, Outcome
from agentdash.triage.clock import older
from agentdash.triage.finding import Evidence, Subject
from agentdash.triage.rules.registry import agent_rule, deployment_rule
from agentdash.triage.rules.running import connected_since

_ON_ITS_WAY = frozenset({"created", "starting"})


@agent_rule("W01", statuses=("connected",))
def unhealthy(case: AgentCase) -> Outcome:
    """An app's health check fails."""
    agent = case.agent
    # While start scripts run, an app that is not there yet is no news.
    if not case.is_up or agent.status != "connected" or agent.lifecycle in _ON_ITS_WAY:
        return
    for app in agent.apps:
        if app.health != "unhealthy" or app.hidden:
            continue
        since = next(
            (
                c.at
                for c in reversed(case.agent_history)
                if c.what == f"app:{app.slug}" and c.new == app.health
            ),
            None,
        )
        every = f" every {app.healthcheck_interval_s} s" if app.healthcheck_interval_s > 0 else ""
        yield case.find(
            "W01",
            since=since,
            title=f"App {app.name or app.slug} is unhealthy",
            suspect=app.slug,
            evidence=[
                Evidence(since, f"{app.slug}: unhealthy", "agent.apps.health"),
                Evidence(None, f"checked at {app.healthcheck_url}{every}", "agent.apps.healthcheck")
                if app.healthcheck_url
                else None,
            ],
        )


@agent_rule("W02", statuses=("connected",))
def initializing(case: AgentCase) -> Outcome:
    """An app never becomes healthy."""
    agent = case.agent
    if not case.is_up or agent.status != "connected" or agent.lifecycle in _ON_ITS_WAY:
        return
    since, is_exact = connected_since(case)
    for app in agent.apps:
        if app.health != "initializing" or app.hidden:
            continue
        interval, threshold = app.healthcheck_interval_s, app.healthcheck_threshold
        if interval < 0 or threshold < 0:
            continue
        limit = (threshold + 2) * interval + case.limits.app_grace_s
        if not older(since, case.now, limit if is_exact else 5 * limit):
            continue
        never_runs = interval == 0 or threshold == 0
        yield case.find(
            "W02",
            title=f"App {app.name or app.slug} "
            + ("is never checked" if never_runs else "is still initializing"),
            suspect=app.slug,
            since=since,
            evidence=[
                case.proof("status", "connected", since),
                Evidence(None, f"{app.slug}: initializing", "agent.apps.health"),
                Evidence(None, f"interval {interval} s, threshold {threshold}", "agent.apps.healthcheck"),
            ],
        )


@agent_rule("W03", statuses=("disconnected", "timeout"))
def stale(case: AgentCase) -> Outcome:
    """The health of apps is the last one known."""
    agent = case.agent
    if not case.is_up or agent.status not in ("disconnected", "timeout"):
        return
    told = [a for a in agent.apps if a.health in ("healthy", "unhealthy") and not a.hidden]
    if told:
        said = ", ".join(f"{a.slug} was {a.health}" for a in told[:4])
        yield case.find("W03", evidence=[Evidence(None, said, "agent.apps.health")])


@deployment_rule("W04")
def no_wildcard(case: Case) -> Outcome:
    """Apps want a subdomain, and there is no wildcard host."""
    state = case.facts.state
    if case.facts.deployment.regions.value is None or state.server.wildcard_host:
        return
    wanted = [said for (said,) in case.facts.census.marks("wildcard")]
    if wanted:
        yield case.find(
            "W04",
            subject=Subject("deployment", "wildcard"),
            evidence=[
                Evidence(None, "no wildcard host", "regions"),
                Evidence(None, ", ".join(wanted[:4]), "agent.apps.subdomain"),
            ],
        )
