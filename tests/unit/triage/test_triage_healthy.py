"""A healthy deployment has no finding, however little of it is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from immutables import Map

from agentdash.state.deployment import Deployment
from agentdash.state.freshness import Stream, StreamState
from agentdash.state.model import MetadataItem, Server
from agentdash.state.state import State
from agentdash.triage.catalogue import CATALOGUE, NOT_SHOWN, WITHOUT_FINDING
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from agentdash.triage.memory import Memory
from agentdash.triage.precedence import CONSEQUENCES, TREE
from agentdash.triage.rules.registry import AGENT_RULES, DEPLOYMENT_RULES, POOL_RULES, WORKSPACE_RULES
from tests.unit.model_factory import NOW, before
from tests.unit.triage.builders import (
    agent,
    build,
    detail,
    facts,
    job,
    pending,
    prebuild,
    read,
    refused,
    script,
    sub_agent,
    workspace,
)

MAIN = agent()


def healthy() -> dict[str, Facts]:
    """Healthy moments by name."""
    working = job("running", completed_at=None, started_at=before(90))
    young = job(created_at=before(50), started_at=before(48), completed_at=before(30))
    fresh = {"created_at": before(30), "started_at": None, "ready_at": None, "first_connected_at": None}
    return {
        "nothing at all": Facts(State(), NOW),
        "ready": facts(workspace(MAIN)),
        "with a sub-agent": facts(workspace(MAIN, sub_agent(MAIN))),
        "just queued": facts(workspace(build=pending(waited_s=5))),
        "queued for half a minute": facts(workspace(build=pending(waited_s=29))),
        "building": facts(workspace(build=build(status="starting", job=working, resources=()))),
        "connecting": facts(workspace(agent(status="connecting", lifecycle="created", **fresh), build=build(job=young))),
        "connected a moment ago": facts(
            workspace(agent(lifecycle="created", **{**fresh, "first_connected_at": before(3)}), build=build(job=young))
        ),
        "starting": facts(
            workspace(
                agent(
                    lifecycle="starting",
                    scripts=(script(status=None, exit_code=None),),
                    **{**fresh, "first_connected_at": before(28), "started_at": before(27)},
                ),
                build=build(job=young),
            )
        ),
        "stopped": facts(workspace(build=build(status="stopped", transition="stop"))),
        "prebuild starting": facts(
            prebuild(
                92,
                agent(
                    workspace_id="pb92",
                    lifecycle="starting",
                    scripts=(script(status=None, exit_code=None),),
                    **{**fresh, "first_connected_at": before(28), "started_at": before(27)},
                ),
                build=build("pb92", number=1, preset_id="preset-small", initiator_id=prebuild().owner_id, job=young),
            ),
            pool=1,
        ),
        "nobody may read anything": facts(
            workspace(MAIN),
            pool=0,
            deployment=Deployment(
                templates=refused(403), presets=Map({"v": refused()}), prebuilds=refused(), daemons=Map({"o": refused()}),
                jobs=Map({"o": refused()}), health=refused(403), regions=refused(),
            ),
            server=Server(),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", healthy())
def test_healthy_moment_has_no_finding(name: str) -> None:
    found = diagnose(healthy()[name])
    assert [(f.rule, f.title, f.subject.title) for f in found.flat()] == []
    assert not found.groups


def test_what_is_refused_is_said_and_not_judged() -> None:
    found = diagnose(healthy()["nobody may read anything"])
    told = {c.rule: c.why for c in found.cannot_know}
    assert told["P01"] == "prebuild settings: 404 Not found"
    assert told["V02"] == "deployment health: 403 Not found"
    assert told["B12"] == "provisioner daemons: 404 Not found"
    assert told["V04"]


def test_what_was_not_read_yet_is_said() -> None:
    told = {c.rule: c.why for c in diagnose(Facts(State(), NOW)).cannot_know}
    assert told["P01"] == "prebuild settings: not read yet"
    assert told["P03"] == "list of workspaces: not read yet"


def test_one_look_says_which_rules_need_a_history() -> None:
    once = replace(facts(workspace(MAIN)), memory=Memory())
    told = {c.rule for c in diagnose(once).cannot_know}
    assert {"A04", "R06", "N05", "C06"} <= told
    assert not {c.rule for c in diagnose(facts(workspace(MAIN))).cannot_know} & {"A04", "R06"}


def test_what_is_read_on_screen_only_is_said() -> None:
    told = {c.rule: c.why for c in diagnose(facts(workspace(MAIN))).cannot_know}
    assert told["D04"] == "containers: read only for an agent on screen"
    assert told["R01"] == "metadata: read only for an agent on screen"
    assert "D02" not in told


def test_metadata_of_some_agents_say_nothing_of_the_others() -> None:
    listed = replace(MAIN, metadata=(MetadataItem("cpu", "CPU", "3%", age_s=1, interval_s=10),))

    def untold(of: Facts) -> set[str]:
        return {c.rule for c in diagnose(of).cannot_know if c.why.startswith("metadata: ")}

    assert untold(facts(workspace(listed))) == {"R01", "R05"}  # the pool's agents have none
    assert untold(facts(workspace(listed), pool=0)) == {"R05"}
    measured = detail(listed, metadata=read(listed.metadata))
    assert untold(facts(workspace(listed), pool=0, details=measured)) == set()


def test_streams_that_were_never_opened_are_not_called_well() -> None:
    once = {c.rule: c.why for c in diagnose(replace(facts(), memory=Memory())).cannot_know}
    assert once["N04"] == "streams: a single read opens none"
    assert {c.rule: c.why for c in diagnose(facts()).cannot_know}["N04"] == "streams: none is open"
    opened = Map({"logs:a": Stream("logs:a", StreamState.LIVE, NOW)})
    assert "N04" not in {c.rule for c in diagnose(facts(streams=opened)).cannot_know}


def test_catalogue_tree_and_rules_name_the_same_ids() -> None:
    assert set(TREE) == set(CATALOGUE)
    assert len(TREE) == len(set(TREE))
    judged = {r.id for r in (*DEPLOYMENT_RULES, *POOL_RULES, *WORKSPACE_RULES, *AGENT_RULES)}
    assert judged | {"P12"} == set(CATALOGUE) - set(NOT_SHOWN) - set(WITHOUT_FINDING)
    assert len(judged) >= 100
    assert set(CONSEQUENCES) <= set(CATALOGUE)
    assert all(NOT_SHOWN.values())
