"""Any value of the model: what a newer, older or broken server may have sent, cleaned as conversion cleans it."""

from __future__ import annotations

from datetime import UTC

from hypothesis import strategies as st

from agentdash.state.model import (
    AppStatus,
    LogSource,
    MatchedProvisioners,
    MetadataItem,
    RegionLatency,
    Transition,
)
from tests.unit.model_factory import (
    before,
    make_agent,
    make_app,
    make_build,
    make_job,
    make_script,
    make_workspace,
)

CLEAN = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
"""As the model has it: cleaned before."""
WORDS = st.one_of(
    st.sampled_from(
        [
            *("connecting", "connected", "disconnected", "timeout"),
            *("created", "starting", "ready", "start_error", "start_timeout"),
            *("shutting_down", "shutdown_error", "shutdown_timeout", "off"),
            *(
                "pending",
                "running",
                "stopping",
                "stopped",
                "failed",
                "canceled",
                "canceling",
                "deleting",
                "deleted",
            ),
            *("ok", "exit_failure", "timed_out", "pipes_left_open", "idle", "failure", "unhealthy", ""),
        ]
    ),
    CLEAN,
)
MOMENTS = st.one_of(
    st.none(),
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-5000, 5000).map(before),
)
SCRIPTS = st.builds(
    make_script,
    name=CLEAN,
    status=st.one_of(st.none(), WORDS),
    exit_code=st.one_of(st.none(), st.integers()),
    run_on_start=st.booleans(),
    cron=st.sampled_from(["", "* * * * *"]),
    is_devcontainer=st.booleans(),
)
APPS = st.builds(
    make_app,
    health=WORDS,
    hidden=st.booleans(),
    statuses=st.lists(st.builds(AppStatus, WORDS, CLEAN), max_size=2).map(tuple),
)
METADATA = st.builds(
    MetadataItem,
    st.sampled_from(["cpu", "mem", "x"]),
    CLEAN,
    st.one_of(
        CLEAN,
        st.floats().map(lambda n: f"{n}%"),
        st.tuples(st.floats(), st.floats()).map(lambda p: f"{p[0]}/{p[1]}"),
    ),
    error=st.one_of(st.just(""), CLEAN),
    age_s=st.one_of(st.none(), st.integers(0, 4_000_000_000)),
    interval_s=st.integers(0, 10**9),
    timeout_s=st.integers(0, 10**9),
)
AGENTS = st.builds(
    make_agent,
    status=WORDS,
    lifecycle=WORDS,
    created_at=MOMENTS,
    first_connected_at=MOMENTS,
    last_connected_at=MOMENTS,
    disconnected_at=MOMENTS,
    started_at=MOMENTS,
    ready_at=MOMENTS,
    connection_timeout_s=st.integers(-(10**18), 10**18),
    parent_id=st.one_of(st.none(), st.just("p")),
    scripts=st.lists(SCRIPTS, max_size=3).map(tuple),
    apps=st.lists(APPS, max_size=2).map(tuple),
    logs_overflowed=st.booleans(),
    version=CLEAN,
    health_reason=CLEAN,
    healthy=st.one_of(st.none(), st.booleans()),
    latency=st.lists(st.builds(RegionLatency, CLEAN, st.floats(), st.booleans()), max_size=2).map(tuple),
    log_sources=st.lists(st.builds(LogSource, CLEAN, CLEAN, MOMENTS), max_size=2).map(tuple),
    metadata=st.lists(METADATA, max_size=3).map(tuple),
    troubleshooting_url=CLEAN,
)
BUILDS = st.builds(
    make_build,
    status=WORDS,
    transition=WORDS,
    has_external_agent=st.booleans(),
    matched=st.one_of(
        st.none(), st.builds(MatchedProvisioners, st.integers(-1, 2), st.integers(-1, 2), MOMENTS)
    ),
    job=st.builds(
        make_job,
        status=WORDS,
        created_at=MOMENTS,
        started_at=MOMENTS,
        completed_at=MOMENTS,
        canceled_at=MOMENTS,
        error=st.lists(CLEAN, max_size=2).map("\n".join),
        queue_position=st.integers(-5, 5),
        queue_size=st.integers(-5, 5),
    ),
)
HISTORY = st.lists(
    st.builds(
        Transition,
        st.integers(0, 5000).map(before),
        st.sampled_from(["status", "lifecycle", "agent", "script:x", "build"]),
        WORDS,
        WORDS,
    ),
    max_size=4,
)
WORKSPACES = st.builds(
    lambda agents, fields: make_workspace(*agents, **fields),
    st.lists(AGENTS, max_size=2, unique_by=lambda a: a.key),
    st.fixed_dictionaries(
        {
            "build": BUILDS,
            "last_used_at": MOMENTS,
            "dormant_at": MOMENTS,
            "deleting_at": MOMENTS,
            "outdated": st.booleans(),
            "is_prebuild": st.booleans(),
            "agents_are_previous": st.booleans(),
            "template_name": CLEAN,
        }
    ),
)
