"""Devcontainers (contract: triage.md §4.7).

Without dialling the agent they are judged by their row among the scripts, the lifecycle and their log; the rest only for
an agent on screen, whose containers are read.
"""

from __future__ import annotations

from agentdash.state.freshness import Fact, Freshness
from agentdash.state.model import Container, Containers, Devcontainer, LogLine, Script
from agentdash.triage.cases import AgentCase, Outcome
from agentdash.triage.clock import ago, latest, older
from agentdash.triage.evidence import DevcontainerEnd, devcontainer_end, telling_line
from agentdash.triage.finding import Confidence, Evidence, Severity
from agentdash.triage.memory import UNANSWERED, Held
from agentdash.triage.rules.connect import is_deaf
from agentdash.triage.rules.registry import agent_rule
from agentdash.triage.rules.running import has_started_for, is_starting, lifecycle_at, unfinished
from agentdash.triage.starts import is_last_run, start_began

FOLDER_LABEL = "devcontainer.local_folder"


def containers_fact(case: AgentCase) -> Fact[Containers] | None:
    """Containers of a root agent, if they were asked for. A sub-agent is never asked."""
    detail = case.facts.detail(case.agent.id)
    return None if detail is None or case.agent.parent_id is not None else detail.containers


def listed(case: AgentCase) -> tuple[Devcontainer, ...]:
    """Its devcontainers, while the agent is connected and the list is not refused."""
    fact = containers_fact(case)
    if fact is None or fact.value is None or fact.freshness is Freshness.REFUSED:
        return ()
    return fact.value.devcontainers if case.is_up and case.agent.status == "connected" else ()


def rows(case: AgentCase) -> tuple[Script, ...]:
    """Rows of the template's devcontainers among the scripts."""
    return tuple(s for s in case.agent.scripts if s.is_devcontainer)


def is_of_template(case: AgentCase, devcontainer: Devcontainer) -> bool:
    """Whether the template defines it: same id, or, found again after it was deleted, same name."""
    return any(
        s.id == devcontainer.id or s.name == f"Dev Container ({devcontainer.name})" for s in rows(case)
    )


def _held(case: AgentCase, devcontainer: Devcontainer) -> Held | None:
    held = case.facts.held(f"{case.agent.key} {devcontainer.workspace_folder}")
    return held if held is not None and held.what == devcontainer.status else None


def _lines(case: AgentCase, name: str) -> tuple[LogLine, ...]:
    """Lines of a devcontainer's log source."""
    wanted = f"Dev Container ({name})"
    source = next((s.id for s in case.agent.log_sources if s.name == wanted), None)
    row = next((s.source_id for s in rows(case) if s.name == wanted), None)
    return case.facts.agent_lines(case.agent.id, source or row or "\0") or ()


def _bare(name: str) -> str:
    return name.removeprefix("Dev Container (").removesuffix(")")


def _severity(case: AgentCase) -> Severity:
    return Severity.UNUSABLE if case.workspace.is_prebuild else Severity.FAILED


@agent_rule("D01", statuses=("connected",))
def starting_for_ever(case: AgentCase) -> Outcome:
    """A devcontainer has been starting for long."""
    if not case.is_up or case.agent.status != "connected":
        return
    limit = case.limits.devcontainer_s
    waits_for_scripts = is_starting(case) and bool(unfinished(case))
    for devcontainer in listed(case):
        held = _held(case, devcontainer)
        if devcontainer.status != "starting" or held is None or waits_for_scripts:
            continue
        if older(held.since, case.facts.read_until(case.agent.id), limit):
            last = next((ln for ln in reversed(_lines(case, devcontainer.name)) if ln.text.strip()), None)
            yield case.find(
                "D01",
                severity=_severity(case),
                since=held.since,
                title=f"Devcontainer {devcontainer.name} has been starting for long",
                suspect=devcontainer.name,
                evidence=[
                    Evidence(held.since, "starting", "devcontainers.status"),
                    case.line_proof(last) if last is not None else None,
                ],
            )
            return
    if not is_starting(case) or waits_for_scripts or not has_started_for(case, limit):
        return
    open_rows = [s for s in rows(case) if s.status is None or is_last_run(case.agent, s, case.agent_history)]
    if open_rows:
        name = _bare(open_rows[0].name)
        last = next((ln for ln in reversed(_lines(case, name)) if ln.text.strip()), None)
        yield case.find(
            "D01",
            severity=_severity(case),
            since=start_began(case.agent, case.agent_history),
            title=f"Devcontainer {name} has been starting for long",
            suspect=name,
            confidence=Confidence.LIKELY,
            evidence=[
                case.proof("scripts", "all start scripts have ended, the agent is still starting"),
                Evidence(None, f"{open_rows[0].name}: no result yet", "agent.scripts"),
                case.line_proof(last) if last is not None else None,
            ],
        )


@agent_rule("D02")
def failed(case: AgentCase) -> Outcome:
    """A devcontainer failed."""
    if not case.is_up or case.agent.parent_id is not None:
        return
    told: set[str] = set()
    for devcontainer in listed(case):
        told.add(devcontainer.name)
        if devcontainer.status == "error" and is_of_template(case, devcontainer):
            yield from _failed(case, devcontainer.name, devcontainer.error, Confidence.CERTAIN)
    for row in rows(case):
        name = _bare(row.name)
        if name in told or _is_inside(case, name) or is_last_run(case.agent, row, case.agent_history):
            continue
        end = devcontainer_end(_lines(case, name))
        has_failed = row.status in ("exit_failure", "timed_out")
        if end is not None and end.has_failed != has_failed:
            # A recreation changes the log, but not the row.
            if end.has_failed:
                yield from _failed(case, name, "", Confidence.LIKELY)
        elif has_failed:
            yield from _failed(case, name, "", Confidence.CERTAIN)


def _is_inside(case: AgentCase, name: str) -> bool:
    """Whether a connected sub-agent of that name shows that it runs."""
    return any(
        a.parent_id == case.agent.id and a.name == name and a.status == "connected"
        for a in case.workspace.agents
    )


def _failed(case: AgentCase, name: str, error: str, confidence: Confidence) -> Outcome:
    lines = _lines(case, name)
    end = devcontainer_end(lines)
    message = end.message if end is not None and end.has_failed else ""
    cause = _cause(end, lines, error)
    proofs = [Evidence(None, error or "exit status not told", "devcontainers.error") if error else None]
    row = next((s for s in rows(case) if _bare(s.name) == name), None)
    if row is not None and row.status is not None and row.status != "ok":
        proofs.append(Evidence(None, f"{row.name}: {row.status}", "agent.scripts.status"))
    if end is not None and end.has_failed:
        proofs.append(case.line_proof(end.reason))
        said = Evidence(end.line.at, message or "outcome error", f"log: Dev Container ({name})")
        proofs.append(said)
    elif lines:
        found = telling_line(lines)
        proofs.append(case.line_proof(found.line) if found is not None else None)
    said_why = f": {message}" if message else ""
    yield case.find(
        "D02",
        since=end.line.at if end is not None and end.has_failed else lifecycle_at(case, "start_error"),
        severity=_severity(case) if case.agent.lifecycle == "start_error" else Severity.FAILED,
        title=f"Devcontainer {name} failed{said_why}"[:160],
        suspect=name,
        confidence=confidence,
        causes=[cause] if cause else (),
        evidence=proofs,
    )


def _cause(end: DevcontainerEnd | None, lines: tuple[LogLine, ...], error: str) -> str:
    if end is not None and end.cause:
        return end.cause
    if not lines and ("127" in error or "executable file not found" in error):
        return "the devcontainer CLI is missing"
    return ""


@agent_rule("D03", statuses=("connected",), is_on_screen=True)
def runs_with_error(case: AgentCase) -> Outcome:
    """Runs, and carries an error."""
    for devcontainer in listed(case):
        if devcontainer.status != "running":
            continue
        container = devcontainer.container.id if devcontainer.container is not None else ""
        key = f"{case.agent.key} {devcontainer.workspace_folder} {container}"
        error = devcontainer.error or case.facts.carried_error(key)
        if error:
            yield case.find(
                "D03",
                title=f"Devcontainer {devcontainer.name} runs with an error",
                suspect=devcontainer.name,
                evidence=[Evidence(None, error, "devcontainers.error")],
            )


@agent_rule("D04", statuses=("connected",), lifecycles=("ready",), is_on_screen=True)
def docker_away(case: AgentCase) -> Outcome:
    """Docker does not answer in the workspace."""
    fact = containers_fact(case)
    agent = case.agent
    if fact is None or not case.is_up or agent.status != "connected" or agent.lifecycle != "ready":
        return
    said = _engine_error(fact)
    if not said and fact.value is not None and fact.value.warnings:
        said = fact.value.warnings[0]
    if said and not _does_without_docker(case, said):
        yield case.find("D04", since=fact.at, evidence=[Evidence(None, said, "containers")])


def _engine_error(fact: Fact[Containers]) -> str:
    """What the container engine said last time instead of its list; empty if the list was read."""
    problem = fact.problem
    if fact.freshness not in (Freshness.STALE, Freshness.REFUSED) or problem is None or problem.status != 500:
        return ""
    text = f"{problem.title} {problem.detail}"
    if problem.kind in UNANSWERED or "Could not get containers" not in text:
        return ""
    return problem.detail or problem.title


def _does_without_docker(case: AgentCase, said: str) -> bool:
    """Whether there is no Docker, and nothing in the template that wants one: most workspaces are like this."""
    return "executable file not found" in said and not rows(case)


@agent_rule("D05", statuses=("connected",), is_on_screen=True)
def tied_to_dead(case: AgentCase) -> Outcome:
    """Tied to a dead container."""
    fact = containers_fact(case)
    if fact is None or fact.value is None:
        return
    for devcontainer in listed(case):
        if devcontainer.status != "stopped":
            continue
        same = [
            c
            for c in fact.value.containers
            if c.labels.get(FOLDER_LABEL) == devcontainer.workspace_folder and devcontainer.workspace_folder
        ]
        own = devcontainer.container
        dead = [c for c in same if not c.running and (own is None or c.id == own.id)]
        alive = [c for c in same if c.running]
        if dead and alive and _is_older(dead[0], alive[0]):
            yield case.find(
                "D05",
                suspect=dead[0].name or dead[0].id[:12],
                evidence=[
                    Evidence(dead[0].created_at, f"{dead[0].name} stopped", "containers"),
                    Evidence(alive[0].created_at, f"{alive[0].name} running", "containers"),
                ],
            )


def _is_older(dead: Container, alive: Container) -> bool:
    return dead.created_at is None or alive.created_at is None or dead.created_at <= alive.created_at


@agent_rule("D06", statuses=("connected",), is_on_screen=True)
def changed(case: AgentCase) -> Outcome:
    """Configuration changed."""
    for devcontainer in listed(case):
        if devcontainer.dirty:
            path = devcontainer.config_path or devcontainer.workspace_folder
            proof = Evidence(None, f"{path} was saved after the container was made", "devcontainers.dirty")
            yield case.find("D06", suspect=devcontainer.name, evidence=[proof])


@agent_rule("D07", statuses=("disconnected", "timeout", "connecting"))
def sub_agent_gone(case: AgentCase) -> Outcome:
    """The agent inside a devcontainer is gone."""
    agent = case.agent
    parent = next((a for a in case.workspace.agents if a.id == agent.parent_id), None)
    if agent.parent_id is None or not case.is_up or parent is None or parent.status != "connected":
        return
    if agent.status not in ("disconnected", "timeout", "connecting") or is_deaf(case):
        return
    since = latest(agent.disconnected_at, agent.last_connected_at) or agent.created_at
    if not older(since, case.now, case.limits.subagent_lost_s):
        return
    devcontainer = _home(case, parent.id)
    if devcontainer is not None and devcontainer.status != "running":
        return
    if devcontainer is None and agent.lifecycle in ("off", "shutting_down"):
        return  # stopped in order, as far as is known
    yield case.find(
        "D07",
        since=since,
        confidence=Confidence.LIKELY if devcontainer is None else Confidence.CERTAIN,
        suspect=agent.name,
        evidence=[
            case.proof("status", f"{agent.status}, lifecycle {agent.lifecycle}", since),
            Evidence(None, f"devcontainer {devcontainer.name} runs", "devcontainers.status")
            if devcontainer
            else None,
        ],
    )


def _home(case: AgentCase, parent_id: str) -> Devcontainer | None:
    """The devcontainer of a sub-agent, if its parent's list was read."""
    detail = case.facts.detail(parent_id)
    found = detail.containers.value if detail is not None else None
    if found is None:
        return None
    return next(
        (d for d in found.devcontainers if d.agent_id == case.agent.id or d.agent_name == case.agent.name),
        None,
    )


@agent_rule("D08", is_on_screen=True)
def feature_off(case: AgentCase) -> Outcome:
    """Devcontainers are switched off, or there is no Docker that could run them."""
    fact = containers_fact(case)
    if fact is None or fact.problem is None:
        return
    said = _engine_error(fact)
    if said and _does_without_docker(case, said):
        yield case.find(
            "D08",
            title="No Docker in the workspace",
            causes=["the image or the machine has none; this template needs none"],
            evidence=[Evidence(None, said, "containers")],
        )
    text = f"{fact.problem.title} {fact.problem.detail}"
    is_off = fact.freshness is Freshness.REFUSED and fact.problem.status == 403
    if is_off and "Dev Container" in text:
        yield case.find(
            "D08", evidence=[Evidence(None, fact.problem.detail or fact.problem.title, "containers")]
        )


@agent_rule("D09", statuses=("connected",), lifecycles=("created", "starting"), is_on_screen=True)
def not_yet(case: AgentCase) -> Outcome:
    """The list does not answer while the agent starts."""
    fact = containers_fact(case)
    agent = case.agent
    if fact is None or fact.problem is None or not case.is_up or agent.status != "connected":
        return
    if fact.problem.kind in UNANSWERED and agent.lifecycle in ("created", "starting"):
        text = f"{fact.problem.title}: available after the start scripts"
        yield case.find("D09", evidence=[Evidence(None, text, "containers")])


@agent_rule("D10", statuses=("connected",), is_on_screen=True)
def foreign(case: AgentCase) -> Outcome:
    """A devcontainer that is not the template's carries an error."""
    for devcontainer in listed(case):
        if devcontainer.error and devcontainer.status == "error" and not is_of_template(case, devcontainer):
            yield case.find(
                "D10",
                title=f"Foreign devcontainer {devcontainer.name} has an error",
                suspect=devcontainer.name,
                evidence=[Evidence(None, devcontainer.error, "devcontainers.error")],
            )


@agent_rule("D11", statuses=("connected",), lifecycles=("ready",), is_on_screen=True)
def stopped(case: AgentCase) -> Outcome:
    """A devcontainer of the template is stopped."""
    if case.agent.lifecycle != "ready":
        return
    for devcontainer in listed(case):
        held = _held(case, devcontainer)
        if devcontainer.status != "stopped" or held is None or not is_of_template(case, devcontainer):
            continue
        until = case.facts.read_until(case.agent.id)
        if older(held.since, until, case.limits.devcontainer_stopped_s):
            own = devcontainer.container
            engine = Evidence(None, own.status, "devcontainers.container.status") if own else None
            took = ago(held.since, until)
            yield case.find(
                "D11",
                title=f"Devcontainer {devcontainer.name} is stopped",
                suspect=devcontainer.name,
                since=held.since,
                evidence=[Evidence(held.since, f"stopped for {took}", "devcontainers.status"), engine],
            )
