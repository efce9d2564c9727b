"""Random deployments for the properties of triage: every field a server may send, in any order and out of any range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from immutables import Map

from agentdash.state.deployment import (
    BuildSummary,
    Deployment,
    HealthReport,
    HealthSection,
    HealthWarning,
    LogTail,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProvisionerJob,
    ProxyRegion,
    Template,
    TemplateVersion,
)
from agentdash.state.detail import AgentDetail, Reading
from agentdash.state.freshness import Fact, Freshness, Problem, Stream, StreamState
from agentdash.state.model import (
    PREBUILDS_USER_ID,
    Agent,
    App,
    Build,
    Container,
    Containers,
    Devcontainer,
    Job,
    LogLine,
    LogSource,
    MatchedProvisioners,
    MetadataItem,
    RegionLatency,
    Resource,
    ResourceMetadata,
    Role,
    Script,
    Server,
    Timing,
    Timings,
    Transition,
    User,
    Workspace,
    agent_key,
)
from agentdash.state.state import Seen, State
from agentdash.triage.facts import Facts
from agentdash.triage.memory import Cut, Held, Memory, Starts

NOW = datetime(2026, 8, 21, 12, 0, tzinfo=UTC)

certain_moments = st.one_of(
    st.integers(-100, 200_000).map(lambda s: NOW - timedelta(seconds=s)),
    st.sampled_from(
        [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    ),
)
moments = st.none() | certain_moments
ids = st.sampled_from(["", "a", "b", "c", PREBUILDS_USER_ID])
texts = st.sampled_from(
    [
        "",
        "boom",
        "Error: no space left on device",
        "Coder: Build has been detected as hung",
        "{ws}",
        "x" * 300,
    ]
)
counts = st.one_of(st.integers(-3, 12), st.sampled_from([10**12, -(10**12)]))


def words(*known: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*known, "", "invented"])


def facts_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Fact[Any]]:
    problems = st.none() | st.builds(
        Problem,
        words("NotFound", "AgentUnreachable", "NotLoggedIn", "ServerError"),
        texts,
        texts,
        status=st.sampled_from([None, 403, 404, 429, 500]),
    )
    return st.builds(Fact, st.none() | values, st.sampled_from(Freshness), moments, problems, moments)


def tuples(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=most).map(tuple)


def maps(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Map[str, Any]]:
    return st.dictionaries(keys, values, max_size=3).map(Map)


scripts = st.builds(
    Script,
    id=ids,
    name=words("one", "Dev Container (app)"),
    source_id=ids,
    cron=words("0 * * * * *"),
    run_on_start=st.booleans(),
    blocks_login=st.booleans(),
    timeout_s=st.none() | st.floats(-5, 1e12),
    exit_code=st.none() | st.sampled_from([0, 1, 127, 255, -1]),
    status=st.none() | words("ok", "exit_failure", "timed_out", "pipes_left_open"),
    is_devcontainer=st.booleans(),
)
apps = st.builds(
    App,
    id=ids,
    slug=words("web"),
    name=texts,
    health=words("healthy", "unhealthy", "initializing", "disabled"),
    hidden=st.booleans(),
    subdomain=st.booleans(),
    healthcheck_interval_s=counts,
    healthcheck_threshold=counts,
)
items = st.builds(
    MetadataItem,
    key=words("mem", "cpu"),
    name=texts,
    value=st.sampled_from(["", "7/8 GiB", "99%", "x/0", "1e9/2", "٣/4"]),
    error=texts,
    age_s=st.none() | counts,
    interval_s=counts,
)


@st.composite
def agents(draw: Any, workspace_id: str) -> tuple[Agent, ...]:
    made = []
    for number in range(draw(st.integers(0, 3))):
        name = f"a{number}"
        parent = f"{workspace_id}-a0" if number and draw(st.booleans()) else None
        made.append(
            Agent(
                id=f"{workspace_id}-{name}",
                key=agent_key(workspace_id, name),
                workspace_id=workspace_id,
                name=name,
                status=draw(words("connecting", "connected", "disconnected", "timeout")),
                lifecycle=draw(
                    words(
                        "created", "starting", "ready", "start_error", "start_timeout", "shutting_down", "off"
                    )
                ),
                parent_id=parent,
                resource_id=draw(ids),
                created_at=draw(moments),
                first_connected_at=draw(moments),
                last_connected_at=draw(moments),
                disconnected_at=draw(moments),
                started_at=draw(moments),
                ready_at=draw(moments),
                version=draw(words("v2.30.0", "v2.37.1+x", "v0.0.0-devel", "v99999999999999.1.1")),
                instance_id=draw(ids),
                connection_timeout_s=draw(counts),
                logs_length=draw(counts),
                logs_overflowed=draw(st.booleans()),
                latency=draw(
                    tuples(st.builds(RegionLatency, texts, st.floats(allow_nan=True), st.booleans()))
                ),
                scripts=draw(tuples(scripts)),
                log_sources=draw(tuples(st.builds(LogSource, ids, texts))),
                apps=draw(tuples(apps, 2)),
                metadata=draw(tuples(items, 2)),
            )
        )
    return tuple(made)


jobs = st.builds(
    Job,
    id=ids,
    status=words("pending", "running", "succeeded", "canceling", "canceled", "failed"),
    created_at=moments,
    started_at=moments,
    completed_at=moments,
    canceled_at=moments,
    error=texts,
    error_code=words("INSUFFICIENT_QUOTA", "REQUIRED_TEMPLATE_VARIABLES"),
    worker_id=ids,
    queue_position=counts,
    queue_size=counts,
    tags=maps(ids, ids),
    logs_overflowed=st.booleans(),
)


@st.composite
def workspaces(draw: Any, number: int) -> Workspace:
    home = f"w{number}"
    build = Build(
        id=f"b{number}",
        workspace_id=home,
        number=draw(counts),
        transition=draw(words("start", "stop", "delete")),
        status=draw(words("pending", "starting", "running", "stopped", "failed", "canceled")),
        job=draw(jobs),
        created_at=draw(moments),
        initiator_id=draw(ids),
        template_version_id=draw(ids),
        template_version_name=draw(texts),
        preset_id=draw(st.none() | ids),
        resources=draw(
            tuples(
                st.builds(
                    Resource,
                    ids,
                    texts,
                    texts,
                    metadata=tuples(st.builds(ResourceMetadata, texts, texts, st.booleans())),
                )
            )
        ),
        deadline=draw(moments),
        max_deadline=draw(moments),
        daily_cost=draw(counts),
        matched=draw(st.none() | st.builds(MatchedProvisioners, counts, counts, moments)),
        has_external_agent=draw(st.booleans()),
    )
    return Workspace(
        id=home,
        name=draw(texts),
        owner_id=draw(ids),
        owner_name=draw(ids),
        build=build,
        agents=draw(agents(home)),
        agents_are_previous=draw(st.booleans()),
        organization_id=draw(ids),
        template_id=draw(ids),
        template_name=draw(texts),
        template_active_version_id=draw(ids),
        created_at=draw(moments),
        dormant_at=draw(moments),
        deleting_at=draw(moments),
        is_prebuild=draw(st.booleans()),
        autostart_schedule=draw(texts),
        next_start_at=draw(moments),
    )


lines = st.builds(LogLine, st.integers(0, 50), moments, ids, texts, texts)
tails = st.builds(LogTail, tuples(lines, 6))
timing = st.builds(
    Timing,
    words("apply", "start", "stop"),
    texts,
    certain_moments,
    certain_moments,
    agent_id=ids,
    status=words("ok", "exit_failure"),
    action=words("delete", "create"),
)
containers = st.builds(
    Container,
    ids,
    texts,
    texts,
    texts,
    st.booleans(),
    moments,
    labels=maps(st.just("devcontainer.local_folder"), ids),
)
devcontainers = st.builds(
    Devcontainer,
    ids,
    texts,
    ids,
    words("running", "stopped", "starting", "error"),
    dirty=st.booleans(),
    container=st.none() | containers,
    error=texts,
    agent_name=texts,
)
deployments = st.builds(
    Deployment,
    templates=facts_of(maps(ids, st.builds(Template, ids, texts, ids, active_version_id=ids))),
    versions=maps(ids, st.builds(TemplateVersion, ids, ids, texts, moments)),
    presets=maps(
        ids, facts_of(tuples(st.builds(Preset, ids, texts, ids, st.none() | counts, maps(ids, texts))))
    ),
    prebuilds=facts_of(st.builds(PrebuildsSettings, st.booleans())),
    daemons=maps(
        ids,
        facts_of(
            tuples(
                st.builds(
                    ProvisionerDaemon, ids, texts, ids, words("idle", "offline"), texts, last_seen_at=moments
                )
            )
        ),
    ),
    jobs=maps(
        ids,
        facts_of(
            tuples(
                st.builds(
                    ProvisionerJob,
                    ids,
                    texts,
                    words("pending", "succeeded"),
                    words("start", "delete"),
                    ids,
                    template_name=texts,
                    workspace_id=ids,
                    created_at=moments,
                    completed_at=moments,
                )
            )
        ),
    ),
    health=facts_of(
        st.builds(
            HealthReport,
            moments,
            words("ok", "error"),
            tuples(
                st.builds(
                    HealthSection,
                    texts,
                    words("ok", "error", "warning"),
                    tuples(st.builds(HealthWarning, texts, texts)),
                )
            ),
        )
    ),
    regions=facts_of(tuples(st.builds(ProxyRegion, ids, texts, st.booleans()))),
    builds=maps(
        st.sampled_from(["w0", "w1"]),
        facts_of(
            tuples(
                st.builds(
                    BuildSummary,
                    ids,
                    ids,
                    counts,
                    words("start"),
                    texts,
                    words("failed"),
                    moments,
                    initiator_id=ids,
                )
            )
        ),
    ),
    timings=maps(
        st.sampled_from(["b0", "b1"]),
        facts_of(st.builds(Timings, ids, tuples(timing), tuples(timing), tuples(timing))),
    ),
    build_logs=maps(st.sampled_from(["b0", "b1"]), facts_of(tails)),
    agent_logs=maps(st.sampled_from(["w0-a0", "w1-a0"]), facts_of(tails)),
    parameters=maps(st.sampled_from(["b0", "b1"]), facts_of(maps(ids, texts))),
)
keys = st.sampled_from(["w0", "w0/a0", "w0/a1", "w1", "w1/a0"])
histories = maps(
    keys,
    tuples(
        st.builds(
            Transition,
            certain_moments,
            words("status", "lifecycle", "owner", "agent", "script:one"),
            words("connected", "prebuilds"),
            words("connected", "disconnected", "starting"),
        ),
        6,
    ),
)
memories = st.builds(
    Memory,
    since=moments,
    short=maps(ids, certain_moments),
    empty=maps(ids, certain_moments),
    devcontainers=maps(keys, st.builds(Held, texts, certain_moments)),
    starts=maps(keys, st.builds(Starts, ids, moments, tuples(certain_moments, 5))),
    open_streams=maps(ids, certain_moments),
    cuts=tuples(st.builds(Cut, texts, st.floats(0, 1e9), certain_moments), 5),
    unanswered=maps(keys, tuples(texts)),
)
details = st.builds(
    AgentDetail,
    st.sampled_from(["w0-a0", "w1-a0"]),
    ports=facts_of(st.just(())),
    containers=facts_of(st.builds(Containers, tuples(devcontainers), tuples(containers), tuples(texts))),
    metadata=facts_of(tuples(items)),
    readings=maps(
        words("mem", "cpu"), tuples(st.builds(Reading, certain_moments, st.floats(allow_nan=True)))
    ),
)
servers = st.builds(
    Server,
    version=words("v2.37.1", "v0.0.0-devel"),
    user=st.none()
    | st.builds(User, ids, texts, roles=tuples(st.builds(Role, words("owner", "organization-admin"), ids))),
    problem=st.none() | st.builds(Problem, words("NotLoggedIn", "ConnectFailed"), texts),
    reached_at=moments,
    entitlements=st.none() | maps(st.just("workspace_prebuilds"), st.booleans()),
    wildcard_host=texts,
)
streams = maps(
    ids,
    st.builds(
        Stream,
        ids,
        st.sampled_from(StreamState),
        certain_moments,
        problem=st.none() | st.builds(Problem, texts, texts, status=st.sampled_from([None, 400, 502])),
        reconnects=st.integers(0, 3),
    ),
)


@st.composite
def situations(draw: Any) -> Facts:
    known = [draw(workspaces(number)) for number in range(draw(st.integers(0, 3)))]
    state = State(
        server=draw(servers),
        workspaces=Map({w.id: w for w in known}),
        seen=Map(
            {
                w.id: Seen(draw(certain_moments), draw(st.sampled_from(["page", "watch"])))
                for w in known
                if draw(st.booleans())
            }
        ),
        agent_homes=Map({a.id: w.id for w in known for a in w.agents}),
        details=Map({d.agent_id: d for d in draw(tuples(details, 2))}),
        streams=draw(streams),
        history=draw(histories),
        fleet=draw(facts_of(counts)),
    )
    return Facts(state, NOW, draw(deployments), draw(memories))
