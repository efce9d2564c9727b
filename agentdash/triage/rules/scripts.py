"""Scripts of the agent (contract: triage.md §4.5)."""

from __future__ import annotations

from agentdash.state.model import Script, Timing
from agentdash.triage.cases import AgentCase, Outcome, PoolCase, WorkspaceCase
from agentdash.triage.claims import Claim
from agentdash.triage.clock import ago, known, older, span_s, within, words
from agentdash.triage.evidence import waits_for_unit
from agentdash.triage.finding import Confidence, Evidence, Finding, Severity
from agentdash.triage.rules.registry import agent_rule, pool_rule, workspace_rule
from agentdash.triage.rules.running import (
    accused,
    as_started,
    connected_since,
    failed_scripts,
    has_started_for,
    is_starting,
    last_line,
    lifecycle_at,
    script_proofs,
    start_limit_s,
    telling,
    unfinished,
    worse,
)
from agentdash.triage.rules.script_advice import advice, causes_of, log_command, others_failing
from agentdash.triage.starts import is_last_run, is_second_start, start_began
from agentdash.triage.verdict import script_result

_STOPPED_BADLY = frozenset({"shutdown_error", "shutdown_timeout"})
_BAD_RESULTS = frozenset({"exit_failure", "timed_out", "pipes_left_open"})
STOPPED_LATELY_S = 3600.0
"""What an agent said last when it was stopped longer ago is no news."""


@agent_rule("S01", statuses=("connected",), lifecycles=("starting",))
def runs_on(case: AgentCase) -> Outcome:
    """A start script runs on and on."""
    found = _runs_on(case)
    if found is not None:
        yield found


def is_running_on(case: AgentCase) -> bool:
    """S01: longer than it may, with a script that has not ended, or with nothing to see at all."""
    if not is_starting(case) or not has_started_for(case, start_limit_s(case)):
        return False
    return bool(unfinished(case)) or not any(s.is_devcontainer for s in case.agent.scripts)


def _runs_on(case: AgentCase) -> Finding | None:
    if not is_running_on(case):
        return None
    guilty = unfinished(case)
    is_second = is_second_start(case.agent, case.agent_history)
    usual = case.usual(f"ready:{case.agent.name}")
    began = start_began(case.agent, case.agent_history)
    proofs: list[Evidence | None] = [case.proof("lifecycle_state", "start scripts began", began)]
    for script in guilty[:3]:
        limit = f"timeout {words(script.timeout_s)}" if script.timeout_s else "no timeout"
        proofs.append(Evidence(None, f"{script.name}: no result yet, {limit}", "agent.scripts"))
        lines = case.lines_of(script)
        last = last_line(lines) if lines else None
        proofs.append(case.line_proof(last, script.name) if last is not None else None)
    if usual is not None:
        proofs.append(
            Evidence(None, f"usually ready after {words(usual.median_s)}", "this template's starts")
        )
    names = ", ".join(s.name for s in guilty[:3])
    return case.find(
        "S01",
        severity=worse(case, Severity.FAILED),
        since=began,
        title=f"{names} runs on and on" if names else "Start runs on and on",
        suspect=guilty[0].name if guilty else "",
        confidence=Confidence.LIKELY if is_second or not guilty else Confidence.CERTAIN,
        evidence=proofs,
    )


@agent_rule("S02", lifecycles=("start_timeout", "start_error", "starting"))
def timed_out(case: AgentCase) -> Outcome:
    """A start script reached its limit."""
    if not case.is_up:
        return
    late = failed_scripts(case, "timed_out")
    if not late and case.agent.lifecycle != "start_timeout":
        return
    limit = f" after {words(late[0].timeout_s)}" if late and late[0].timeout_s else ""
    yield case.find(
        "S02",
        severity=worse(case, Severity.FAILED),
        since=lifecycle_at(case),
        title=f"{late[0].name} timed out{limit}" if late else "",
        suspect=late[0].name if late else "",
        evidence=[
            case.proof("lifecycle_state", case.agent.lifecycle, lifecycle_at(case)),
            *script_proofs(case, late),
        ],
    )


@agent_rule("S03", lifecycles=("start_timeout", "start_error", "starting"))
def failed(case: AgentCase) -> Outcome:
    """A start script failed."""
    if not case.is_up:
        return
    agent = case.agent
    bad = failed_scripts(case, "exit_failure")
    if not bad and not _is_unexplained(case):
        return
    first = bad[0] if bad else None
    accusation = accused(case) if first is None else None
    found = telling(case, first) if first is not None else accusation[1] if accusation is not None else None
    guilty = first or (accusation[0] if accusation is not None else None)
    bad_others, others = others_failing(case, first) if first is not None else (0, 0)
    same = f"fails on {bad_others} of {others} others of this version" if others else ""
    todo = advice(case, guilty, found, fails_elsewhere=bad_others > 0 if others else None)
    yield case.find(
        "S03",
        severity=worse(case, Severity.FAILED),
        since=lifecycle_at(case),
        title=_failed(first) if first is not None else "",
        suspect=guilty.name if guilty is not None else "",
        confidence=Confidence.CERTAIN if bad else Confidence.LIKELY,
        causes=causes_of(first, found),
        steps=todo.steps,
        places=todo.places,
        evidence=[
            case.proof("lifecycle_state", agent.lifecycle, lifecycle_at(case)),
            *script_proofs(case, bad),
            None if accusation is None else case.line_proof(accusation[1].line, accusation[0].name),
            Evidence(None, same, "agents of the same template version") if same else None,
        ],
    )


def _failed(script: Script) -> str:
    result = script_result(script)
    return f"{script.name} failed" if result == "failed" else f"{script.name} failed: {result}"


def _is_unexplained(case: AgentCase) -> bool:
    """`start_error` with no result that explains it: an old server tells none."""
    if case.agent.lifecycle != "start_error":
        return False
    results = {as_started(case, s).status for s in case.agent.scripts}
    return not results & {"exit_failure", "timed_out", "pipes_left_open"} and not any(
        s.is_devcontainer for s in case.agent.scripts
    )


@agent_rule("S04")
def pipes_open(case: AgentCase) -> Outcome:
    """A script left its output open."""
    agent = case.agent
    if not case.is_up:
        return
    left = [
        s
        for s in (as_started(case, script) for script in agent.scripts if script.run_on_start)
        if s.status == "pipes_left_open" and not is_last_run(agent, s, case.agent_history)
    ]
    if left:
        keeps_out = case.workspace.is_prebuild and agent.lifecycle == "start_error"
        yield case.find(
            "S04",
            severity=Severity.UNUSABLE if keeps_out else None,
            since=lifecycle_at(case),
            title=f"{left[0].name} left its output open",
            suspect=left[0].name,
            evidence=[
                case.proof("lifecycle_state", agent.lifecycle, lifecycle_at(case)),
                *script_proofs(case, left),
            ],
        )


@pool_rule("S05")
def no_limit(case: PoolCase) -> Outcome:
    """Start scripts of a pool without a time limit."""
    if not case.pool.is_active:
        return
    names = {
        script.name
        for workspace in case.pool.prebuilds
        if not workspace.agents_are_previous
        for agent in workspace.agents
        for script in agent.scripts
        if script.run_on_start and script.timeout_s is None and not script.is_devcontainer
    }
    if names:
        said = ", ".join(sorted(names)[:4])
        proof = Evidence(None, f"no timeout: {said}", "agent.scripts.timeout")
        yield case.find("S05", evidence=[proof], suspect=min(names))


@agent_rule("S06", statuses=("connected",), lifecycles=("created",))
def never_starts(case: AgentCase) -> Outcome:
    """Connected, and reports nothing."""
    agent = case.agent
    if not case.is_up or agent.status != "connected" or agent.lifecycle != "created":
        return
    if known(agent.started_at) is not None:
        return
    claim = case.claim
    if isinstance(claim, Claim) and claim.is_latest:
        return
    since, is_exact = connected_since(case)
    limit = case.limits.created_s if is_exact else 10 * case.limits.created_s
    if not older(since, case.now, limit):
        return
    if claim is True:
        yield case.cannot("C03", case.facts.untold("builds", case.workspace.id, "builds of the workspace"))
    yield case.find(
        "S06",
        since=since,
        confidence=Confidence.CERTAIN if is_exact and claim is not True else Confidence.LIKELY,
        causes=["it was claimed, and the agent was not told to start over"] if claim is True else (),
        evidence=[
            case.proof("status", "connected", since),
            case.proof("lifecycle_state", "created: nothing reported since"),
            case.proof("version", f"agent {agent.version}") if agent.version else None,
            case.build_proof("reason", f"build {case.build.number} by {case.build.reason or 'unknown'}"),
        ],
    )


@agent_rule("S07", statuses=("connected",), lifecycles=("starting",))
def logins_wait(case: AgentCase) -> Outcome:
    """Logins wait for a start script."""
    if not is_starting(case):
        return
    usual = case.usual(f"ready:{case.agent.name}")
    limit = case.limits.slow_factor * usual.median_s if usual else case.limits.logins_wait_s
    blocking = [s for s in unfinished(case) if s.blocks_login]
    if blocking and has_started_for(case, limit):
        names = ", ".join(s.name for s in blocking[:3])
        yield case.find(
            "S07",
            since=start_began(case.agent, case.agent_history),
            suspect=blocking[0].name,
            evidence=[case.proof("scripts.start_blocks_login", f"logins wait for {names}")],
        )


@agent_rule("S08")
def schedule_fails(case: AgentCase) -> Outcome:
    """A scheduled script fails."""
    if not case.is_up:
        return
    for script in case.agent.scripts:
        if not script.cron or script.status not in ("exit_failure", "timed_out", "pipes_left_open"):
            continue
        if script.run_on_start and case.agent.lifecycle != "ready" and as_started(case, script) == script:
            continue  # it may have been the start
        found = telling(case, script)
        command, places = log_command(script)
        yield case.find(
            "S08",
            steps=(("read the log of {suspect}", command),),
            places=places,
            title=f"Scheduled {script.name}: {script_result(script)}",
            suspect=script.name,
            causes=[found.cause] if found is not None and found.cause else (),
            evidence=[
                Evidence(None, f"schedule {script.cron}", "agent.scripts.cron"),
                *script_proofs(case, [script]),
            ],
        )


@agent_rule("S09", lifecycles=("shutdown_error", "shutdown_timeout"), is_for_up=False)
def stop_failed(case: AgentCase) -> Outcome:
    """The agent's stop scripts failed."""
    agent = case.agent
    if agent.lifecycle in ("shutdown_error", "shutdown_timeout"):
        text = "took too long" if agent.lifecycle == "shutdown_timeout" else "failed"
        proof = case.proof("lifecycle_state", agent.lifecycle, lifecycle_at(case))
        yield case.find("S09", since=lifecycle_at(case), title=f"Stop script {text}", evidence=[proof])


@workspace_rule("S09")
def stop_failed_by_timings(case: WorkspaceCase) -> Outcome:
    """A stop script did not end well, by the timings of the start it belongs to, or by the agent's last word."""
    is_told = not case.workspace.agents_are_previous and any(
        a.lifecycle in _STOPPED_BADLY for a in case.roots
    )
    if is_told:
        return
    bad = [t for t in _script_timings(case) if t.stage == "stop" and t.status in _BAD_RESULTS]
    if bad:
        proofs = [Evidence(t.ended_at, f"{t.name}: {t.status}", "timings: stop") for t in bad[:3]]
        yield case.find("S09", suspect=bad[0].name, evidence=proofs)
        return
    last = [a for a in case.roots if a.lifecycle in _STOPPED_BADLY]
    if not last or not case.workspace.agents_are_previous or case.build.transition != "stop":
        return
    if within(case.job.completed_at, case.now, STOPPED_LATELY_S):
        proofs = [Evidence(None, f"{a.name} said {a.lifecycle}", "agents of the build before") for a in last]
        yield case.find("S09", since=case.job.completed_at, evidence=proofs)


def _script_timings(case: WorkspaceCase) -> tuple[Timing, ...]:
    """Timings of scripts of the latest build, and where that is a stop of the start before it."""
    read = [case.facts.timings()]
    if case.build.transition == "stop":
        number = case.build.number
        starts = (b for b in case.facts.builds() or () if b.transition == "start" and b.number < number)
        start = next(starts, None)
        read.append(None if start is None else case.facts.timings_of(start.id))
    return tuple(timing for timings in read if timings is not None for timing in timings.scripts)


@agent_rule("S10", statuses=("connected",), lifecycles=("starting",))
def waits_for_other(case: AgentCase) -> Outcome:
    """A script waits for another unit."""
    if not is_running_on(case):
        return
    if case.facts.agent_lines(case.agent.id) is None:
        yield case.cannot("S10", _no_log(case))
        return
    for script in unfinished(case):
        line = waits_for_unit(case.lines_of(script) or ())
        if line is not None:
            yield case.find(
                "S10",
                severity=worse(case, Severity.FAILED),
                since=start_began(case.agent, case.agent_history),
                suspect=script.name,
                title=f"{script.name} waits for another unit",
                confidence=Confidence.LIKELY,
                evidence=[case.line_proof(line, script.name)],
            )
            return


@agent_rule("S11", statuses=("connected",), lifecycles=("starting",))
def no_log_line(case: AgentCase) -> Outcome:
    """Starting, and nothing was logged."""
    agent = case.agent
    if not is_starting(case) or agent.logs_overflowed or not has_started_for(case, case.limits.no_log_s):
        return
    if not any(s.run_on_start for s in agent.scripts):
        return
    began = start_began(agent, case.agent_history)
    is_first = not is_second_start(agent, case.agent_history)
    if agent.logs_length > 0:
        lines = case.facts.agent_lines(agent.id)
        if lines is None:
            yield case.cannot("S11", _no_log(case))
            return
        if is_first or any(ln.at is None or began is None or ln.at >= began for ln in lines):
            return
    elif agent.logs_length < 0:
        return
    yield case.find(
        "S11",
        since=began,
        evidence=[
            case.proof("lifecycle_state", f"starting for {ago(began, case.now)}", began),
            case.proof("logs_length", "no line of log since then"),
        ],
    )


@agent_rule("S12", statuses=("connected",), lifecycles=("ready",))
def slower(case: AgentCase) -> Outcome:
    """This start took much longer than usual."""
    agent = case.agent
    if not case.is_up or agent.lifecycle != "ready" or agent.status != "connected":
        return
    took = span_s(agent.started_at, agent.ready_at)
    if took is None or not within(case.job.completed_at, case.now, case.limits.slow_age_s):
        return
    factor, least = case.limits.slow_factor, case.limits.slow_least_s
    limit = min(took / factor if factor > 0 else took, took - least)
    usual = case.facts.usual_below(f"ready:{agent.name}", limit) if limit > 0 else None
    if usual is None:
        return
    grown, growth = _grown(case)
    script = next((s for s in agent.scripts if s.name == grown), None)
    command, places = log_command(script)
    yield case.find(
        "S12",
        causes=[growth] if growth else (),
        steps=(("look at {suspect}, which grew most", command),) if grown else None,
        places=places,
        title=f"Start took {words(took)}, usually {words(usual.median_s)}",
        suspect=grown,
        evidence=[
            case.proof("ready_at", f"ready {words(took)} after its start", agent.ready_at),
            Evidence(None, growth, "timings") if grown else None,
        ],
    )


def _grown(case: AgentCase) -> tuple[str, str]:
    """The script that grew most against its usual time, and by how much in words; empty if no timings tell it."""
    timings = case.facts.timings()
    best, name, said = 0.0, "", ""
    for timing in timings.scripts if timings is not None else ():
        usual = case.usual(f"script:{timing.agent_name}:{timing.name}")
        if timing.agent_id == case.agent.id and usual is not None:
            growth = timing.duration_s - usual.median_s
            if growth > best:
                best, name = growth, timing.name
                said = f"{name} took {words(timing.duration_s)}, usually {words(usual.median_s)}"
    return name, said


def _no_log(case: AgentCase) -> str:
    return case.facts.untold("agent_logs", case.agent.id, "agent log")
