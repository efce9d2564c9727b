"""Events about what surrounds the workspaces, taken into the state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from immutables import Map

from agentdash.state import deployment_events as ev
from agentdash.state import deployment_store
from agentdash.state.deployment import (
    Deployment,
    HealthReport,
    LogTail,
    PrebuildsConfig,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProvisionerJob,
    ProxyRegion,
    Template,
    TemplateVersion,
)
from agentdash.state.events import WorkspacesRead
from agentdash.state.freshness import Fact, Freshness, Problem
from agentdash.state.model import Timings
from agentdash.state.store import Store
from tests.unit.model_factory import NOW, make_agent, make_build, make_workspace

LATER = NOW + timedelta(seconds=60)
NO_RIGHT = Problem("NotFound", "Not found", status=404)
READINGS: list[tuple[ev.DeploymentEvent, str, str, Any]] = [
    (ev.TemplatesRead((Template("t1", "web"),), NOW), "templates", "", Map({"t1": Template("t1", "web")})),
    (ev.PresetsRead("v1", (Preset("p1", "Large", "v1", 2),), NOW), "presets", "v1", (Preset("p1", "Large", "v1", 2),)),
    (ev.PrebuildsSettingsRead(PrebuildsSettings(True), NOW), "prebuilds", "", PrebuildsSettings(True)),
    (ev.PrebuildsConfigRead(PrebuildsConfig(30), NOW), "config", "", PrebuildsConfig(30)),
    (ev.DaemonsRead("o1", (ProvisionerDaemon("d", "d"),), NOW), "daemons", "o1", (ProvisionerDaemon("d", "d"),)),
    (ev.JobsRead("o1", (ProvisionerJob("j", "t", "s"),), NOW), "jobs", "o1", (ProvisionerJob("j", "t", "s"),)),
    (ev.HealthRead(HealthReport(NOW, "ok"), NOW), "health", "", HealthReport(NOW, "ok")),
    (ev.ProxiesRead((ProxyRegion("r", "eu", True),), NOW), "regions", "", (ProxyRegion("r", "eu", True),)),
    (ev.BuildsRead("w1", (), NOW), "builds", "w1", ()),
    (ev.BuildTimingsRead("b1", Timings("b1"), NOW), "timings", "b1", Timings("b1")),
    (ev.BuildTailRead("b1", LogTail(), NOW), "build_logs", "b1", LogTail()),
    (ev.AgentTailRead("a1", LogTail(), NOW), "agent_logs", "a1", LogTail()),
    (ev.ParametersRead("b1", Map({"cpu": "4"}), NOW), "parameters", "b1", Map({"cpu": "4"})),
]  # fmt: skip
PARTS = [*get_args(ev.WholePart), *get_args(ev.PartBySubject)]


def fact_of(deployment: Deployment, part: str, subject: str) -> Fact[Any]:
    found = getattr(deployment, part)
    fact: Fact[Any] = found if isinstance(found, Fact) else found[subject]
    return fact


def test_every_part_has_its_event() -> None:
    assert sorted(part for _, part, _, _ in READINGS) == sorted(PARTS)
    readings = {type(event) for event, *_ in READINGS}
    others = {ev.TemplateVersionRead, ev.RightsRead, ev.SurroundingsFailed}
    assert readings | others == set(get_args(ev.DeploymentEvent))


@pytest.mark.parametrize(("event", "part", "subject", "value"), READINGS, ids=lambda x: type(x).__name__)
def test_a_reading_becomes_a_fact(event: ev.DeploymentEvent, part: str, subject: str, value: object) -> None:
    store = Store()
    changes = store.apply([event])
    assert changes.deployment
    fact = fact_of(store.state.deployment, part, subject)
    assert (fact.value, fact.freshness, fact.at) == (value, Freshness.POLLED, NOW)


@pytest.mark.parametrize("part", PARTS)
def test_a_refusal_is_kept_apart_from_nothing_there(part: ev.Part) -> None:
    subject = "" if part in deployment_store.WHOLE else "x"
    store = Store()
    assert store.apply([ev.SurroundingsFailed(part, subject, NO_RIGHT, refused=True)]).deployment
    fact = fact_of(store.state.deployment, part, subject)
    assert (fact.value, fact.freshness, fact.problem) == (None, Freshness.REFUSED, NO_RIGHT)


def test_the_same_answer_later_is_no_news_but_younger() -> None:
    store = Store()
    store.apply([ev.PrebuildsSettingsRead(PrebuildsSettings(), NOW)])
    changes = store.apply([ev.PrebuildsSettingsRead(PrebuildsSettings(), LATER)])
    assert not changes
    assert store.state.deployment.prebuilds.at == LATER


def test_a_failure_keeps_the_value_and_its_age_and_a_reading_mends_it() -> None:
    store = Store()
    store.apply([ev.DaemonsRead("o1", (), NOW)])
    assert store.apply([ev.SurroundingsFailed("daemons", "o1", NO_RIGHT, retry_at=LATER)]).deployment
    fact = store.state.deployment.daemons["o1"]
    assert (fact.value, fact.freshness, fact.at, fact.retry_at) == ((), Freshness.STALE, NOW, LATER)
    assert not store.apply([ev.SurroundingsFailed("daemons", "o1", NO_RIGHT, retry_at=None)]).deployment
    assert store.apply([ev.DaemonsRead("o1", (), LATER)]).deployment
    assert store.state.deployment.daemons["o1"].problem is None


def test_versions_and_rights_are_added_up() -> None:
    store = Store()
    one = TemplateVersion("v1", "t1", "v1")
    assert store.apply([ev.TemplateVersionRead(one)]).deployment
    assert not store.apply([ev.TemplateVersionRead(one)]).deployment
    assert store.apply([ev.RightsRead(Map({"read_prebuilds": True}))]).deployment
    assert not store.apply([ev.RightsRead(Map({"read_prebuilds": True}))]).deployment
    store.apply([ev.RightsRead(Map({"read_daemons:o1": False}))])
    assert dict(store.state.deployment.rights) == {"read_prebuilds": True, "read_daemons:o1": False}
    assert store.state.deployment.versions["v1"] is one


def test_builds_and_agents_of_the_past_are_forgotten_once_they_are_many() -> None:
    workspace = make_workspace(make_agent(id="a-now"), build=make_build(id="b-now"))
    store = Store()
    store.apply([WorkspacesRead((workspace,), NOW, "page")])
    store.apply([ev.BuildsRead(workspace.id, (), NOW), ev.BuildsRead("gone", (), NOW)])
    store.apply([ev.BuildTimingsRead("b-now", Timings("b-now"), NOW)])
    store.apply([ev.AgentTailRead("a-now", LogTail(), NOW), ev.AgentTailRead("a-old", LogTail(), NOW)])
    for number in range(deployment_store.SPARE + 2):
        store.apply([ev.BuildTimingsRead(f"b{number}", Timings(""), NOW)])
    kept = store.state.deployment
    assert set(kept.timings) == {"b-now"}
    assert set(kept.builds) == {workspace.id}
    assert set(kept.agent_logs) == {"a-now"}
