"""Rules about start, stop and scheduled scripts."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import (
    VERSION,
    Agent,
    Case,
    Facts,
    Script,
    Timing,
    Timings,
    agent,
    before,
    build,
    changes,
    check,
    devcontainer_row,
    facts,
    find,
    line,
    prebuild,
    read,
    rules_of,
    script,
    tail,
    workspace,
)

OPEN = {"status": None, "exit_code": None}


def starting(since_s: float, *scripts: object, **fields: object) -> Agent:
    """An agent that has been starting for so long, its first start in this build."""
    values = {
        "lifecycle": "starting",
        "created_at": before(since_s + 20),
        "first_connected_at": before(since_s),
        "started_at": before(since_s),
        "ready_at": None,
        "scripts": scripts or (script(**OPEN),),
    }
    return agent(**{**values, **fields})


def failed(*scripts: object, lifecycle: str = "start_error", **fields: object) -> Agent:
    return agent(lifecycle=lifecycle, scripts=scripts, **fields)


def logged(of: Agent, *texts: str, **fields: object) -> Facts:
    return facts(workspace(of), agent_logs=Map({of.id: tail(*texts)}), **fields)


def scheduled(**fields: object) -> Script:
    return script(cron="0 */5 * * * *", run_on_start=False, **fields)


def usual_starts(median_s: float, own: Agent) -> Facts:
    """Six other starts of the version that took so long, and this one."""
    made = [
        workspace(
            agent(
                workspace_id=f"o{n}",
                created_at=before(5010),
                first_connected_at=before(5001),
                started_at=before(5000),
                ready_at=before(5000 - median_s),
            ),
            id=f"o{n}",
        )
        for n in range(6)
    ]
    return facts(workspace(own), *made)


def stop_timing(status: str) -> Facts:
    timing = Timing("stop", "Save state", before(90), before(80), agent_id="a", status=status)
    stopped = build(status="stopped", transition="stop", resources=())
    return facts(workspace(build=stopped), timings=Map({"b-w1": read(Timings("b-w1", scripts=(timing,)))}))


CASES = {
    "S01": Case(lambda: facts(workspace(starting(700))), lambda: facts(workspace(starting(500))), severity="S2"),
    "S02": Case(
        lambda: facts(workspace(failed(script(status="timed_out", exit_code=255), lifecycle="start_timeout"))),
        lambda: facts(workspace(failed(script(), lifecycle="ready"))),
        severity="S2",
    ),
    "S03": Case(
        lambda: facts(workspace(failed(script(status="exit_failure", exit_code=3)))),
        lambda: facts(workspace(failed(script(), devcontainer_row(status="exit_failure", exit_code=1)))),
        severity="S2",
    ),
    "S04": Case(
        lambda: facts(workspace(failed(script(status="pipes_left_open", exit_code=255)))),
        lambda: facts(workspace(failed(script(run_on_start=False, run_on_stop=True, status="pipes_left_open")))),
        severity="S3",
    ),
    "S05": Case(
        lambda: facts(prebuild(1, agent(workspace_id="pb1", scripts=(script(timeout_s=None),))), pool=1),
        lambda: facts(workspace(agent(scripts=(script(timeout_s=None),)))),
        severity="S4",
    ),
    "S06": Case(
        lambda: facts(workspace(agent(lifecycle="created", started_at=None, ready_at=None, first_connected_at=before(90)))),
        lambda: facts(workspace(agent(lifecycle="created", started_at=None, ready_at=None, first_connected_at=before(50)))),
        severity="S1",
    ),
    "S07": Case(
        lambda: facts(workspace(starting(200, script(blocks_login=True, **OPEN)))),
        lambda: facts(workspace(starting(200, script(**OPEN)))),
        severity="S4",
    ),
    "S08": Case(
        lambda: facts(workspace(agent(scripts=(scheduled(status="exit_failure", exit_code=1),)))),
        lambda: facts(workspace(agent(scripts=(scheduled(**OPEN),)))),
        severity="S3",
    ),
    "S09": Case(lambda: stop_timing("exit_failure"), lambda: stop_timing("ok"), severity="S3"),
    "S10": Case(
        lambda: logged(starting(700), "installing", "coder exp sync: waiting for unit 'clone'"),
        lambda: logged(starting(700), "coder exp sync: waiting for unit 'clone'", "unit done, going on"),
        frozenset({"S01"}),
        severity="S2",
    ),
    "S11": Case(
        lambda: facts(workspace(starting(90, logs_length=0))),
        lambda: facts(workspace(starting(90, logs_length=0, logs_overflowed=True))),
        severity="S3",
    ),
    "S12": Case(
        lambda: usual_starts(60, agent(started_at=before(3400), ready_at=before(3200))),
        lambda: usual_starts(60, agent(started_at=before(3400), ready_at=before(3290))),
        severity="S4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_rule_fires_there_and_nowhere_near(rule: str) -> None:
    check(rule, CASES[rule])


def test_the_only_script_with_open_pipes_is_no_failure() -> None:
    assert rules_of(CASES["S04"].fires()) == {"S04"}


def test_a_failed_start_of_a_prebuild_is_worse() -> None:
    broken = failed(script(status="exit_failure", exit_code=127), workspace_id="pb1")
    found = diagnose(facts(prebuild(1, broken), pool=1))
    by_rule = {f.rule: f for f in found.flat()}
    assert {"P07", "S03"} == set(by_rule)
    assert by_rule["S03"].severity.label == "S1"
    assert by_rule["P07"].primary
    assert not by_rule["S03"].primary
    # The pool's trouble is grouped and explained by the script's.
    assert (by_rule["P07"].cause, by_rule["P07"].suspect) == ("S03", "install-deps")
    assert by_rule["P07"].causes[0] == "install-deps failed: exit 127"


def test_failure_quotes_the_line_that_matters() -> None:
    broken = failed(script(status="exit_failure", exit_code=127))
    shown = logged(broken, "+ npm ci", "sh: 1: npm: not found", "cleaning up", "bye")
    found = find(shown, "S03")
    assert "sh: 1: npm: not found" in {e.text for e in found.evidence}
    assert found.causes == ("a program is missing",)
    assert found.title == "install-deps failed: exit 127"


def test_results_of_the_start_before_do_not_count() -> None:
    # The agent's process was started anew 20 s ago; its scripts still carry what the first start left.
    again = starting(
        20,
        script(status="exit_failure", exit_code=1),
        first_connected_at=before(4000),
        disconnected_at=before(25),
        started_at=before(20),
    )
    assert rules_of(facts(workspace(again))) == set()
    seen = Map(
        {
            again.key: changes(
                (4000, "lifecycle", "created", "starting"), (20, "lifecycle", "ready", "starting")
            )
        }
    )
    assert rules_of(facts(workspace(again), history=seen)) == set()


def test_a_second_start_that_hangs_is_told_with_doubt() -> None:
    again = starting(
        900, script("quiet"), script("busy", source_id="src-busy"),
        first_connected_at=before(9000), disconnected_at=before(905), started_at=before(900),
    )  # fmt: skip
    spoken = read(tail("old").value)
    log = read(
        type(spoken.value)(
            (line(1, "old", "src-quiet", at=before(4000)), line(2, "now", "src-busy", at=before(100)))
        )
    )
    found = find(facts(workspace(again), agent_logs=Map({again.id: log})), "S01")
    assert (found.suspect, found.confidence.value) == ("quiet", "likely")


def test_a_machine_whose_clock_is_ahead_did_not_restart() -> None:
    ahead = starting(700, started_at=before(-3600))
    assert "S01" in rules_of(facts(workspace(ahead)))
    early = starting(100, started_at=before(-3600))
    assert rules_of(facts(workspace(early))) == set()


def test_slow_templates_have_time() -> None:
    slow = usual_starts(1000, starting(1500))
    assert "S01" not in rules_of(slow)
    assert "S01" in rules_of(usual_starts(1000, starting(2100)))


def test_an_unexplained_error_of_an_old_server_is_likely_a_script() -> None:
    found = find(facts(workspace(failed(script(**OPEN)))), "S03")
    assert found.confidence.value == "likely"


def test_a_script_that_failed_while_others_still_run_is_told_at_once() -> None:
    half = starting(30, script(status="exit_failure", exit_code=2), script("other", **OPEN))
    assert rules_of(facts(workspace(half))) == {"S03"}


def test_a_start_script_of_a_ready_agent_failed_by_schedule_only() -> None:
    both = agent(scripts=(script(cron="0 0 * * * *", status="exit_failure", exit_code=1),))
    assert rules_of(facts(workspace(both))) == {"S08"}


def test_slower_than_usual_names_the_script_that_grew() -> None:
    def timings(n: str, seconds: float) -> Timings:
        run = Timing("start", "clone", before(5000), before(5000 - seconds), f"{n}-main", "main", 0, "ok")
        return Timings(f"b-{n}", scripts=(run,))

    base = usual_starts(60, agent(started_at=before(3400), ready_at=before(3200)))
    known = {f"b-o{n}": read(timings(f"o{n}", 20)) for n in range(6)}
    known["b-w1"] = read(timings("w1", 170))
    found = find(facts(*base.state.workspaces.values(), pool=0, timings=Map(known)), "S12")
    assert found.suspect == "clone"


def test_a_starting_agent_shows_nobody_the_same_start_twice() -> None:
    # Two rules of one picture: the missing log is a companion of the hanging script.
    found = diagnose(facts(workspace(starting(700, logs_length=0))))
    assert sum(f.primary for f in found.findings) == 1
    assert {f.rule for f in found.flat()} == {"S01", "S11"}


def test_version_of_the_same_script_elsewhere_is_counted() -> None:
    broken = [
        workspace(failed(script(status="exit_failure", exit_code=1), workspace_id=f"w{n}"), id=f"w{n}")
        for n in range(1, 4)
    ]
    assert all(w.build.template_version_id == VERSION for w in broken)
    found = find(facts(*broken), "S03")
    assert any(e.text == "fails on 2 of 4 others of this version" for e in found.evidence)


# Servers that tell no results with the agent


def untold(*texts: str, **fields: object) -> Facts:
    """A failed start on a server that tells no results, with what its script wrote."""
    return logged(failed(script(**OPEN)), *texts, **fields)


def test_before_2_33_the_timings_tell_which_script_failed() -> None:
    own = failed(script(**OPEN), script("dotfiles", **OPEN))
    ran = (
        Timing("start", "dotfiles", before(90), before(80), agent_id=own.id, status="ok", exit_code=0),
        Timing(
            "start",
            "install-deps",
            before(90),
            before(70),
            agent_id=own.id,
            status="exit_failure",
            exit_code=127,
        ),
    )
    known = Map({"b-w1": read(Timings("b-w1", scripts=ran))})
    found = find(facts(workspace(own), timings=known), "S03")
    assert (found.title, found.suspect, found.confidence) == (
        "install-deps failed: exit 127",
        "install-deps",
        "certain",
    )


def test_where_nobody_tells_a_result_the_log_accuses_a_script() -> None:
    found = find(untold("fetching", "sh: 4: npm: not found", "done with it"), "S03")
    assert (found.suspect, found.confidence) == ("install-deps", "likely")
    assert any("npm: not found" in proof.text for proof in found.evidence)
    assert found.causes


def test_a_log_that_sounds_well_accuses_nobody() -> None:
    found = find(untold("fetching", "all is there"), "S03")
    assert found.suspect == ""
    assert not any("all is there" in proof.text for proof in found.evidence)


def test_the_agents_warning_about_open_pipes_accuses_nobody() -> None:
    warning = "WARNING: script exited successfully, but output pipes were not closed after 10s"
    assert find(untold("starting", warning), "S03").suspect == ""
    assert find(untold("fatal: could not read Username", warning), "S03").suspect == "install-deps"
