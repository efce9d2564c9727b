"""Rules about devcontainers: on screen, and without dialling the agent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from immutables import Map

from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import (
    Agent,
    Case,
    Container,
    Containers,
    Devcontainer,
    Fact,
    Facts,
    Freshness,
    Held,
    Memory,
    Problem,
    agent,
    before,
    check,
    detail,
    devcontainer_row,
    facts,
    find,
    read,
    refused,
    rules_of,
    script,
    sub_agent,
    tail,
    workspace,
)

FOLDER = "/home/coder/app"
ROW = devcontainer_row()
MAIN = agent(scripts=(script(), ROW))


def box(status: str = "running", **fields: object) -> Devcontainer:
    values = {"id": ROW.id, "name": "app", "workspace_folder": FOLDER, "agent_name": "app"}
    return Devcontainer(status=status, **{**values, **fields})


def container(number: int, running: bool = True) -> Container:
    return Container(
        f"c{number}",
        f"box{number}",
        "base",
        "Up" if running else "Exited",
        running,
        before(9000 - number),
        labels=Map({"devcontainer.local_folder": FOLDER}),
    )


def shown(
    *boxes: Devcontainer,
    of: Agent = MAIN,
    held_s: float | None = None,
    beside: tuple[Agent, ...] = (),
    **fields: object,
) -> Facts:
    """An agent on screen with these devcontainers, held in their status for so long."""
    held = {
        f"{of.key} {b.workspace_folder}": Held(b.status, before(held_s)) for b in boxes if held_s is not None
    }
    memory = Memory(since=before(7200), devcontainers=Map(held), **fields.pop("memory", {}))
    known = Containers(boxes, **fields.pop("containers", {}))
    return facts(workspace(of, *beside), details=detail(of, containers=read(known)), memory=memory, **fields)


def asked(problem: Fact[object], of: Agent = MAIN) -> Facts:
    return facts(workspace(of), details=detail(of, containers=problem))


def failing(status: int, detail_text: str, kind: str = "ServerError") -> Fact[object]:
    return Fact(None, Freshness.STALE, before(5), Problem(kind, "Server error", detail_text, status=status))


BROKEN = agent(
    lifecycle="start_error", scripts=(script(), devcontainer_row(status="exit_failure", exit_code=1))
)
STARTING = agent(
    lifecycle="starting", first_connected_at=before(700), started_at=before(700), ready_at=None,
    scripts=(script(), devcontainer_row(status=None, exit_code=None)),
)  # fmt: skip
EARLY = agent(lifecycle="starting", ready_at=None, first_connected_at=before(20), started_at=before(20))
INNER = sub_agent(MAIN, status="disconnected", disconnected_at=before(300), last_connected_at=before(303))

CASES = {
    "D01": Case(
        lambda: shown(box("starting"), held_s=700), lambda: shown(box("starting"), held_s=300), severity="S2"
    ),
    "D02": Case(lambda: facts(workspace(BROKEN)), lambda: facts(workspace(MAIN)), severity="S2"),
    "D03": Case(lambda: shown(box(error="postStart failed")), lambda: shown(box()), severity="S3"),
    "D04": Case(
        lambda: asked(failing(500, "HTTP 500: Could not get containers: Cannot connect to the Docker daemon")),
        lambda: asked(failing(500, "HTTP 500: something else")),
        severity="S2",
    ),
    "D05": Case(
        lambda: shown(
            box("stopped", container=container(1, running=False)), held_s=5,
            containers={"containers": (container(1, running=False), container(2))},
        ),
        lambda: shown(
            box("stopped", container=container(1, running=False)), held_s=5,
            containers={"containers": (container(1, running=False),)},
        ),
        severity="S2",
    ),
    "D06": Case(lambda: shown(box(dirty=True)), lambda: shown(box()), severity="S4"),
    "D07": Case(
        lambda: shown(box(), beside=(INNER,)),
        lambda: shown(box("stopped"), held_s=5, beside=(INNER,)),
        severity="S2",
    ),
    "D08": Case(
        lambda: asked(refused(403, "Not allowed", "Forbidden", "Dev Container feature not enabled.")),
        lambda: asked(refused(403, "Not allowed", "Forbidden", "Forbidden.")),
        severity="S4",
    ),
    "D09": Case(
        lambda: asked(failing(500, "timeout", "AgentUnreachable"), EARLY),
        lambda: asked(failing(500, "timeout", "AgentUnreachable")),
        severity="S4",
    ),
    "D10": Case(
        lambda: shown(box("error", id="other", name="else", error="exit status 1")),
        lambda: shown(box("running", id="other", name="else")),
        severity="S4",
    ),
    "D11": Case(lambda: shown(box("stopped"), held_s=60), lambda: shown(box("stopped"), held_s=5), severity="S3"),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_rule_fires_there_and_nowhere_near(rule: str) -> None:
    check(rule, CASES[rule])


def test_a_start_that_waits_for_a_devcontainer_is_told_without_dialling() -> None:
    found = find(facts(workspace(STARTING)), "D01")
    assert (found.suspect, found.confidence.value) == ("app", "likely")
    assert "S01" not in rules_of(facts(workspace(STARTING)))


def test_devcontainers_are_starting_by_construction_while_scripts_run() -> None:
    busy = agent(
        lifecycle="starting", first_connected_at=before(550), started_at=before(550), ready_at=None,
        scripts=(script(status=None, exit_code=None), devcontainer_row(status=None, exit_code=None)),
    )  # fmt: skip
    assert rules_of(shown(box("starting"), of=busy, held_s=5000)) == set()


LOG = (
    "@devcontainers/cli 0.89.0",
    '{"outcome":"success","containerId":"f2"}',
    "@devcontainers/cli 0.89.0",
    "Retrying (Attempt 4) with error",
    "Error: inspecting object: local/missing:9: image not known",
    "Command failed: docker pull local/missing:9",
    '{"outcome":"error","message":"Command failed: docker pull local/missing:9","description":"An error occurred"}',
)


def test_reason_of_a_failed_devcontainer_stands_in_its_log() -> None:
    log = Map({BROKEN.id: tail(*LOG, source=ROW.source_id, level="error")})
    found = find(facts(workspace(BROKEN), agent_logs=log), "D02")
    assert found.title == "Devcontainer app failed: Command failed: docker pull local/missing:9"
    said = [e.text for e in found.evidence]
    assert "Error: inspecting object: local/missing:9: image not known" in said
    assert found.causes[0] == "the image is unknown, or may not be pulled"


def test_a_failed_recreation_is_told_by_the_log_alone() -> None:
    log = Map({MAIN.id: tail(*LOG, source=ROW.source_id, level="error")})
    found = find(facts(workspace(MAIN), agent_logs=log), "D02")
    assert found.confidence.value == "likely"
    mended = Map({MAIN.id: tail(*LOG, '{"outcome":"success"}', source=ROW.source_id)})
    assert rules_of(facts(workspace(MAIN), agent_logs=mended)) == set()


def test_progress_on_stderr_is_no_failure() -> None:
    log = Map(
        {MAIN.id: tail("Container started", '{"outcome":"success"}', source=ROW.source_id, level="error")}
    )
    assert rules_of(facts(workspace(MAIN), agent_logs=log)) == set()


def test_the_failed_devcontainer_is_told_and_not_its_lost_sub_agent() -> None:
    inner = sub_agent(
        BROKEN, status="disconnected", disconnected_at=before(300), last_connected_at=before(303)
    )
    found = diagnose(facts(workspace(BROKEN, inner)))
    assert [f.rule for f in found.findings] == ["D02"]
    assert [f.rule for f in found.findings[0].folded] == ["D07"]


def test_an_error_that_flickered_is_kept_for_the_container() -> None:
    running = box(container=container(1))
    key = f"{MAIN.key} {FOLDER} c1"
    assert rules_of(shown(running, memory={"errors": Map({key: "exit status 1"})})) == {"D03"}
    assert (
        rules_of(shown(box(container=container(2)), memory={"errors": Map({key: "exit status 1"})})) == set()
    )


def test_a_sub_agent_being_rebuilt_has_time() -> None:
    young = sub_agent(MAIN, status="disconnected", disconnected_at=before(30), last_connected_at=before(31))
    assert rules_of(shown(box(), beside=(young,))) == set()


def test_a_lost_parent_takes_its_sub_agents_along() -> None:
    gone = agent(
        status="disconnected", disconnected_at=before(300), last_connected_at=before(300), latency=()
    )
    inner = sub_agent(gone, status="disconnected", disconnected_at=before(300), last_connected_at=before(300))
    well = [workspace(agent(workspace_id=f"o{n}"), id=f"o{n}") for n in range(3)]
    assert rules_of(facts(workspace(gone, inner), *well)) == {"A05"}


def _left(of: Facts, ago_s: float) -> Facts:
    """The same after the agent left the screen."""
    details = Map({k: d.closed(before(ago_s)) for k, d in of.state.details.items()})
    return replace(of, state=replace(of.state, details=details))


@pytest.mark.parametrize("rule", ["D03", "D04", "D05", "D06", "D08", "D10", "D11"])
def test_the_last_reading_is_judged_for_a_while_and_says_since_when_it_is_old(rule: str) -> None:
    on_screen = CASES[rule].fires()
    assert not [e for e in find(on_screen, rule).evidence if "left the screen" in e.text]
    proof = next(e for e in find(_left(on_screen, 5), rule).evidence if "left the screen" in e.text)
    assert proof.at == before(5)
    assert rule not in rules_of(_left(on_screen, 601))


def test_what_was_not_read_since_gets_no_older() -> None:
    young = shown(box("stopped"), held_s=200)
    assert "D11" in rules_of(young)
    assert "D11" not in rules_of(_left(young, 199))
