"""Fixtures for every test that needs a server: a small deployment, and the embedded server on a real socket."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta

import httpx
import pytest

from agentdash.local.clock import Clock, RealClock
from agentdash.local.faults import FaultPlan
from agentdash.local.records import (
    Agent,
    Build,
    Deployment,
    Job,
    LogSource,
    MetadataItem,
    Organization,
    Resource,
    Script,
    Template,
    TemplateVersion,
    User,
    Workspace,
)
from agentdash.local.server import Served, ServerOptions, serve_in_loop
from agentdash.local.world import build_fleet, run

Serve = Callable[..., AbstractAsyncContextManager[Served]]


def small_deployment(clock: Clock | None = None) -> Deployment:
    """One organization, one owner `ops`, one running workspace `alpha` with one connected scripted agent."""
    deployment = Deployment(clock or RealClock(), seed=11)
    now = deployment.now()
    organization = Organization(deployment.new_id(), "coder", "Coder", now)
    deployment.organizations.append(organization)
    user = User(deployment.new_id(), "ops", "Ops", "ops@example.com", now, now, [organization.id], ["owner"])
    deployment.add_user(user)
    template = Template(deployment.new_id(), "ops", "Ops", organization.id, now, now, user.id)
    deployment.add_template(template)
    version = TemplateVersion(deployment.new_id(), template.id, "v1", now, _done_job(deployment, user, now))
    version.job.type, version.job.template_version_id = "template_version_import", version.id
    deployment.add_version(version)
    workspace = Workspace(deployment.new_id(), "alpha", user.id, organization.id, template.id, now, now, now)
    deployment.add_workspace(workspace)
    add_start_build(deployment, workspace)
    return deployment


def add_start_build(deployment: Deployment, workspace: Workspace) -> Agent:
    """A finished start build of the workspace, with one connected agent `main`."""
    now = deployment.now()
    user = deployment.users[workspace.owner_id]
    build = Build(
        id=deployment.new_id(),
        workspace_id=workspace.id,
        number=len(workspace.builds) + 1,
        transition="start",
        initiator_id=user.id,
        template_version_id=next(iter(deployment.versions)),
        created_at=now,
        updated_at=now,
        job=_done_job(deployment, user, now),
    )
    resource = Resource(deployment.new_id(), "docker_container", "workspace", now)
    build.resources.append(resource)
    agent = Agent(
        deployment.new_id(),
        "main",
        workspace.id,
        build.id,
        resource.id,
        now,
        first_connected_at=now,
        last_connected_at=now,
        started_at=now,
        ready_at=now,
        is_beating=True,
        lifecycle_state="ready",
        directory="/tmp",
        expanded_directory="/tmp",
    )
    source = LogSource(deployment.new_id(), "Startup Script", now)
    agent.log_sources.append(source)
    agent.scripts.append(Script(deployment.new_id(), source.id, "Startup Script", "true"))
    agent.metadata.append(MetadataItem("cpu", "CPU Usage", interval_s=3))
    resource.agents.append(agent)
    build.job.workspace_build_id = build.id
    deployment.add_build(build)
    return agent


def the_agent(deployment: Deployment) -> Agent:
    """The first agent of the first workspace."""
    return next(iter(deployment.workspaces.values())).latest_build.agents[0]


def _done_job(deployment: Deployment, user: User, now: datetime) -> Job:
    moment = now - timedelta(seconds=1)
    job = Job(deployment.new_id(), moment, deployment.new_id(), user.id)
    job.started_at = job.completed_at = now
    return job


@pytest.fixture
def deployment() -> Deployment:
    """A small deployment on the real clock."""
    return small_deployment()


@pytest.fixture
def make_deployment() -> Callable[..., Deployment]:
    """Makes small deployments, on another clock say."""
    return small_deployment


@pytest.fixture
def running_server() -> Serve:
    """`async with running_server(deployment, options=…) as served`: the embedded server on a real socket."""
    return serve_in_loop


@asynccontextmanager
async def serve_fleet(
    *,
    clock: Clock | None = None,
    faults: FaultPlan | None = None,
    options: ServerOptions | None = None,
    username: str = "ops",
    is_moving: bool = False,
) -> AsyncIterator[Served]:
    """The scripted fleet on the embedded server; it stands still unless it `is_moving`."""
    world = build_fleet(Deployment(clock))
    motion = asyncio.create_task(run(world)) if is_moving else None
    try:
        async with serve_in_loop(
            world.deployment, viewer=world.user(username), options=options, faults=faults
        ) as running:
            yield running
    finally:
        if motion is not None:
            motion.cancel()
            await asyncio.gather(motion, return_exceptions=True)


@pytest.fixture
def local_server() -> Serve:
    """`async with local_server(clock=…, faults=…, username=…, is_moving=…) as served`: the whole scripted fleet."""
    return serve_fleet


@pytest.fixture
async def served(deployment: Deployment) -> AsyncIterator[Served]:
    """The small deployment, served with short websocket pings."""
    async with serve_in_loop(deployment, options=ServerOptions(ping_interval_s=0.2)) as running:
        yield running


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A logged-in client of `served`, without cookies kept by hand and without redirects."""
    headers = {"Coder-Session-Token": served.token.reveal()}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def new_uuid() -> Callable[[], str]:
    """Random ids for terminal sessions."""
    return lambda: str(uuid.uuid4())
