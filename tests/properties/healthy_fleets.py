"""Random deployments in which nothing is wrong: any names, any sizes, any mixture of what workspaces may be doing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from immutables import Map

from agentdash.state.deployment import (
    Deployment,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProxyRegion,
    Template,
    TemplateVersion,
    summary_of,
)
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.model import (
    PREBUILDS_USER_ID,
    Agent,
    App,
    MetadataItem,
    RegionLatency,
    Resource,
    ResourceMetadata,
    Role,
    Script,
    Server,
    User,
    Workspace,
)
from agentdash.state.state import Seen, State
from agentdash.triage.facts import Facts
from agentdash.triage.memory import Memory
from tests.unit.model_factory import NOW, before, make_agent, make_build, make_job, make_workspace

names = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)
versions = st.sampled_from(["v2.37.1+1a2b", "v2.36.0", "v2.20.5+zz", "v3.0.0"])
ORG = "org"


def read(value: Any) -> Fact[Any]:
    return Fact(value, Freshness.POLLED, NOW)


@st.composite
def scripts(draw: Any) -> Script:
    name = draw(names)
    kind = draw(st.sampled_from(["start", "stop", "cron"]))
    return Script(
        id=f"id {name}",
        name=name,
        source_id=f"source {name}",
        cron="0 0 3 * * *" if kind == "cron" else "",
        run_on_start=kind == "start",
        run_on_stop=kind == "stop",
        blocks_login=draw(st.booleans()),
        timeout_s=draw(st.sampled_from([1.0, 60.0, 86_400.0])),
        status="ok" if kind == "start" else draw(st.sampled_from([None, "ok"])),
        exit_code=0,
    )


@st.composite
def ready_agents(draw: Any, workspace_id: str, name: str, built_s: float, version: str) -> Agent:
    """An agent that came up well so many seconds ago."""
    connected_s = built_s - draw(st.floats(0.1, 9))
    took_s = draw(st.floats(20, 40))
    apps = st.builds(App, id=names, slug=names, name=names, health=st.sampled_from(["healthy", "disabled"]))
    items = st.builds(
        MetadataItem, key=names, name=names, value=names, interval_s=st.just(10), age_s=st.floats(0, 14)
    )
    return make_agent(
        name,
        workspace_id,
        created_at=before(built_s),
        first_connected_at=before(connected_s),
        started_at=before(connected_s - 0.05),
        ready_at=before(connected_s - 0.05 - took_s),
        last_connected_at=before(draw(st.floats(0, 15))),
        version=version,
        scripts=tuple(draw(st.lists(scripts(), max_size=3))),
        apps=tuple(draw(st.lists(apps, max_size=2))),
        metadata=tuple(draw(st.lists(items, max_size=2))),
        latency=(RegionLatency(draw(names), draw(st.floats(0.1, 140)), True),),
        logs_length=draw(st.integers(1, 10**6)),
        resource_id=f"resource {workspace_id}",
    )


@st.composite
def workspaces(draw: Any, number: int, template: Template, is_prebuild: bool, version: str) -> Workspace:
    """One that runs, was stopped, or is being built."""
    workspace_id = f"w{number}"
    built_s = draw(st.floats(100, 90_000))
    job = make_job(
        created_at=before(built_s + 30), started_at=before(built_s + 29), completed_at=before(built_s)
    )
    details = tuple(ResourceMetadata(draw(names), draw(names), False) for _ in range(draw(st.integers(0, 2))))
    is_claimed = not is_prebuild and draw(st.booleans())
    build = make_build(
        id=f"build {number}",
        workspace_id=workspace_id,
        number=1 if is_prebuild else 2 if is_claimed else draw(st.integers(2, 40)),
        job=job,
        created_at=before(built_s + 30),
        template_version_id=template.active_version_id,
        template_version_name=draw(names),
        preset_id=f"preset {template.id}" if is_prebuild or is_claimed else None,
        initiator_id=PREBUILDS_USER_ID if is_prebuild else "somebody",
        resources=(Resource(f"resource {workspace_id}", draw(names), draw(names), metadata=details),),
    )
    agents = (draw(ready_agents(workspace_id, draw(names), built_s, version)),)
    doing = (
        "runs" if is_prebuild else draw(st.sampled_from(["runs", "runs", "stopped", "building", "queued"]))
    )
    if doing == "stopped":
        build, agents = replace(build, status="stopped", transition="stop", resources=()), ()
    elif doing == "building":
        young = make_job("running", created_at=before(40), started_at=before(20), completed_at=None)
        build, agents = replace(build, status="starting", job=young, resources=(), number=3), ()
    elif doing == "queued":
        waits = make_job("pending", created_at=before(10), started_at=None, completed_at=None)
        build, agents = replace(build, status="pending", job=waits, resources=(), number=3), ()
    return make_workspace(
        *agents,
        id=workspace_id,
        name=draw(names),
        owner_id=PREBUILDS_USER_ID if is_prebuild else "somebody",
        owner_name="prebuilds" if is_prebuild else draw(names),
        is_prebuild=is_prebuild,
        build=build,
        template_id=template.id,
        template_name=template.name,
        template_active_version_id=template.active_version_id,
        organization_id=ORG,
        organization_name=draw(names),
        created_at=before(built_s + 31),
    )


@st.composite
def healthy_fleets(draw: Any) -> Facts:
    """Templates with full pools, and workspaces of people beside them; read once, or watched for hours."""
    version = draw(versions)
    made: list[Workspace] = []
    templates: dict[str, Template] = {}
    presets: dict[str, Fact[Any]] = {}
    for index in range(draw(st.integers(1, 3))):
        template = Template(f"t{index}", draw(names), ORG, active_version_id=f"v{index}")
        templates[template.id] = template
        wanted = draw(st.integers(0, 3))
        presets[f"v{index}"] = read((Preset(f"preset t{index}", draw(names), f"v{index}", wanted or None),))
        for is_prebuild in [True] * wanted + [False] * draw(st.integers(0, 4)):
            made.append(draw(workspaces(len(made), template, is_prebuild, version)))
    builds = {w.id: read(_builds(w)) for w in made if w.build.preset_id is not None and not w.is_prebuild}
    user = User("u", "ops", roles=(Role("owner"),))
    server = Server(
        url="https://coder.example.com",
        version=version,
        user=user,
        reached_at=NOW,
        entitlements=Map({"workspace_prebuilds": True}),
        wildcard_host="*.apps.example.com",
    )
    state = State(
        server=server,
        workspaces=Map({w.id: w for w in made}),
        seen=Map({w.id: Seen(NOW - timedelta(seconds=draw(st.integers(0, 60))), "page") for w in made}),
        agent_homes=Map({a.id: w.id for w in made for a in w.agents}),
        fleet=read(len(made)),
    )
    idle = ProvisionerDaemon(
        "d", draw(names), ORG, status="idle", version=version, last_seen_at=before(draw(st.integers(0, 60)))
    )
    deployment = Deployment(
        templates=read(Map(templates)),
        versions=Map({f"v{n[1:]}": TemplateVersion(f"v{n[1:]}", n, "x", before(100_000)) for n in templates}),
        presets=Map(presets),
        prebuilds=read(PrebuildsSettings()),
        daemons=Map({ORG: read((idle,))}),
        jobs=Map({ORG: read(())}),
        regions=read((ProxyRegion("r", "primary", True),)),
        builds=Map(builds),
    )
    memory = draw(st.sampled_from([Memory(), Memory(since=before(9000))]))
    return Facts(state, NOW, deployment, memory)


def _builds(workspace: Workspace) -> tuple[Any, ...]:
    latest = summary_of(workspace.build)
    first = replace(latest, id="first", number=1, initiator_id=PREBUILDS_USER_ID, created_at=before(200_000))
    second = replace(latest, id="second", number=2, created_at=before(100_000))
    return (latest, first) if latest.number == 2 else (latest, second, first)
