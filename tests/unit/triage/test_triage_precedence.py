"""Which finding comes first, and which is only the consequence of another."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.triage.diagnose import diagnose, diagnose_workspace
from agentdash.triage.precedence import CONSEQUENCES, EXPLAINS, TREE, rank
from tests.unit.triage.builders import (
    ORG,
    Facts,
    MatchedProvisioners,
    agent,
    bare_prebuild,
    before,
    build,
    daemon,
    devcontainer_row,
    facts,
    failed_build,
    job,
    pending,
    prebuild,
    read,
    script,
    sub_agent,
    tail,
    workspace,
)

NEVER = {"status": "timeout", "lifecycle": "created", "first_connected_at": None, "started_at": None, "ready_at": None,
         "created_at": before(900), "latency": ()}  # fmt: skip
FAILED = {"lifecycle": "start_error", "scripts": (script(status="exit_failure", exit_code=1),)}


def shape(of: Facts, home: str = "w1") -> list[tuple[str, bool, tuple[str, ...]]]:
    """Findings about one workspace: rule, whether it is the primary one, and its consequences."""
    found = diagnose(of).findings
    return [
        (f.rule, f.primary, tuple(inner.rule for inner in f.folded))
        for f in found
        if f.subject.workspace_id == home
    ]


def test_of_several_agents_the_worst_off_speaks() -> None:
    both = workspace(agent(**FAILED), agent("gpu", **NEVER))
    assert shape(facts(both)) == [("A02", True, ()), ("S03", False, ())]


def test_a_note_does_not_come_before_a_failure() -> None:
    old = agent(version="v2.30.0", logs_overflowed=True, **FAILED)
    assert [(rule, primary) for rule, primary, _ in shape(facts(workspace(old)))] == [
        ("S03", True),
        ("V01", False),
        ("R02", False),
    ]


def test_the_countdown_stands_inside_its_cause() -> None:
    nobody = MatchedProvisioners(0, 0, None)
    late = facts(
        workspace(build=pending(waited_s=1300, matched=nobody)), daemons=Map({ORG: read((daemon(),))})
    )
    assert shape(late) == [("B01", True, ("B04",))]


def test_waiting_for_a_unit_explains_the_hanging_script() -> None:
    hanging = agent(
        lifecycle="starting", first_connected_at=before(900), started_at=before(900), ready_at=None,
        scripts=(script(status=None, exit_code=None, blocks_login=True),),
    )  # fmt: skip
    log = Map({hanging.id: tail("coder exp sync: waiting for unit 'clone'")})
    assert shape(facts(workspace(hanging), agent_logs=log)) == [("S10", True, ("S01", "S07"))]


def test_another_devcontainers_sub_agent_is_told_apart() -> None:
    main = agent(
        lifecycle="start_error", scripts=(devcontainer_row("db", status="exit_failure", exit_code=1),)
    )
    inner = sub_agent(
        main, "app", status="disconnected", disconnected_at=before(300), last_connected_at=before(303)
    )
    assert [(rule, folded) for rule, _, folded in shape(facts(workspace(main, inner)))] == [
        ("D02", ()),
        ("D07", ()),
    ]


def test_a_cancelled_prebuild_is_first_a_leftover() -> None:
    stopped = job("failed", canceled_at=before(90), completed_at=before(80), error="canceled")
    gone = failed_build("pb1", job=stopped, preset_id="preset-small")
    assert [(rule, primary) for rule, primary, _ in shape(facts(bare_prebuild(1, build=gone)), "pb1")] == [
        ("B16", False),
        ("P21", True),
    ]


def test_a_failed_teardown_says_nothing_of_agents() -> None:
    stuck = build(status="failed", transition="stop", job=job("failed", error="boom"), resources=())
    assert shape(facts(workspace(build=stuck))) == [("B14", True, ())]


def test_one_row_is_judged_as_in_the_whole() -> None:
    broken = prebuild(1, agent(workspace_id="pb1", **FAILED))
    whole = facts(broken, pool=1)
    alone = [f.rule for f in diagnose_workspace(whole, broken)]
    assert alone == [rule for rule, _, _ in shape(whole, "pb1")]


@pytest.mark.parametrize("cause", CONSEQUENCES)
def test_nothing_is_its_own_consequence(cause: str) -> None:
    seen, open_ = set(), set(CONSEQUENCES[cause])
    while open_:
        rule = open_.pop()
        seen.add(rule)
        open_ |= CONSEQUENCES.get(rule, frozenset()) - seen
    assert cause not in seen


def test_explanations_name_rules_of_the_tree() -> None:
    assert {rule for wanted in EXPLAINS.values() for rule in wanted} <= set(TREE)
    assert rank("none of these") == len(TREE)
