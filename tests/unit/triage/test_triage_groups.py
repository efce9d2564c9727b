"""Common causes: what many findings share and others lack."""

from __future__ import annotations

from immutables import Map

from agentdash.state.model import Resource, ResourceMetadata, Workspace
from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import Agent, agent, build, facts, prebuild, script, workspace

BROKEN = {"lifecycle": "start_error", "scripts": (script(status="exit_failure", exit_code=127),)}


def of_version(number: int, version: str, *, is_broken: bool, **fields: object) -> Workspace:
    home = f"w{number}"
    made = build(home, template_version_id=f"ver-{version}", template_version_name=version)
    of: Agent = agent(workspace_id=home, **(BROKEN if is_broken else {}))
    return workspace(of, id=home, **{"build": made, "owner_name": f"user{number}", **fields})


def test_failures_of_one_version_are_one_group() -> None:
    bad = [of_version(n, "v31", is_broken=n != 0) for n in range(15)]
    good = [of_version(100 + n, "v30", is_broken=False) for n in range(22)]
    found = diagnose(facts(*bad, *good, pool=0, presets=Map()))
    (group,) = found.groups
    assert dict(group.shared) == {"template_version": "web v31"}
    assert (group.affected, group.affected_total) == (14, 15)
    assert (group.others, group.others_total) == (0, 22)
    assert group.lift > 10
    assert len(group.findings) == 14
    assert {f.group for f in found.findings} == {group.id}


def test_troubled_node_is_found_whatever_the_version() -> None:
    def on(number: int, node: str) -> Workspace:
        metadata = (ResourceMetadata("Node", node, False), ResourceMetadata("token", "x", True))
        version = f"v{number % 5}"
        home = of_version(number, version, is_broken=node == "k8s-7")
        resources = (Resource("res-main", "kubernetes_pod", "main", metadata=metadata),)
        made = build(
            home.id,
            template_version_id=f"ver-v{number % 5}",
            template_version_name=f"v{number % 5}",
            resources=resources,
        )
        return workspace(*home.agents, id=home.id, owner_name=f"user{number}", build=made)

    found = diagnose(
        facts(*(on(n, "k8s-7" if n < 5 else f"k8s-{n % 3}") for n in range(25)), pool=0, presets=Map())
    )
    (group,) = found.groups
    assert dict(group.shared) == {"node": "k8s-7"}


def test_a_pools_trouble_and_its_script_are_one_group() -> None:
    def stuck(home: str) -> object:
        return build(home, number=1, preset_id="preset-small", template_version_name="v31")

    pool = [prebuild(n, agent(workspace_id=f"pb{n}", **BROKEN), build=stuck(f"pb{n}")) for n in range(1, 6)]
    good = [of_version(100 + n, "v30", is_broken=False) for n in range(9)]
    found = diagnose(facts(*pool, *good, pool=0))
    (group,) = found.groups
    assert group.affected == 5
    assert {f.rule for f in found.findings if f.group == group.id} == {"P07", "S03"}


def test_single_failures_are_no_group() -> None:
    found = diagnose(
        facts(*(of_version(n, f"v{n}", is_broken=n < 2) for n in range(9)), pool=0, presets=Map())
    )
    assert found.groups == ()


def test_what_all_share_explains_nothing_but_the_template() -> None:
    found = diagnose(facts(*(of_version(n, "v31", is_broken=True) for n in range(4)), pool=0, presets=Map()))
    (group,) = found.groups
    assert set(group.shared) <= {"script", "template_version"}
    assert (group.others, group.others_total) == (0, 0)


def test_what_most_have_without_harm_is_not_blamed() -> None:
    # All run agent v2.37.1; five of them fail for their version.
    bad = [of_version(n, "v31", is_broken=True) for n in range(5)]
    good = [of_version(100 + n, "v30", is_broken=False) for n in range(5)]
    (group,) = diagnose(facts(*bad, *good, pool=0, presets=Map())).groups
    assert "agent_version" not in group.shared
