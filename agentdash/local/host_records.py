"""Records of this machine: its template, its workspace, and an agent with the sample scripts."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from agentdash.local.host_machine import architecture, gauges
from agentdash.local.host_scripts import PIPES_OPEN_S
from agentdash.local.records import (
    Agent,
    App,
    Build,
    Containers,
    Deployment,
    Job,
    Latency,
    Providers,
    Resource,
    Script,
    Template,
    TemplateVersion,
    User,
    Workspace,
)

TEMPLATE_NAME = "this-machine"
AGENT_NAME = "main"
RELAY_REGION = "Coder Embedded Relay"
_CLOSED_PORT = 9
_CHECK_INTERVAL_S, _CHECK_THRESHOLD = 5, 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample script of the package and how it is declared."""

    file: str
    display_name: str
    cron: str = ""
    run_on_start: bool = True
    run_on_stop: bool = False
    start_blocks_login: bool = False
    timeout_s: float = 0


SAMPLES = (
    Sample("welcome.sh", "Welcome"),
    Sample("install.sh", "Install dependencies", start_blocks_login=True, timeout_s=300),
    Sample("dotfiles.sh", "Dotfiles"),
    Sample("watcher.sh", "File watcher"),
    Sample("heartbeat.sh", "Heartbeat", cron="*/30 * * * * *", run_on_start=False),
    Sample("goodbye.sh", "Goodbye", run_on_start=False, run_on_stop=True, timeout_s=30),
)


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What tests change: other scripts, a shorter wait for pipes, another folder or container command."""

    samples: Sequence[Sample] = SAMPLES
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Text of a sample by file name, instead of the package's."""
    pipes_open_s: float = PIPES_OPEN_S
    folder: Path | None = None
    container_command: str | None = None
    shell: str = ""


def add_workspace(deployment: Deployment, owner: User) -> Workspace:
    """A template of one version, and the workspace of this machine without any build."""
    now = deployment.now()
    organization = deployment.organization
    template = Template(
        deployment.new_id(), TEMPLATE_NAME, "This machine", organization.id, now, now, owner.id
    )
    template.description = "The machine this program runs on, as a workspace."
    deployment.add_template(template)
    job = Job(deployment.new_id(), now, deployment.new_id(), owner.id, type="template_version_import")
    job.started_at = job.completed_at = now
    deployment.add_version(TemplateVersion(deployment.new_id(), template.id, "v1", now, job))
    workspace = Workspace(
        id=deployment.new_id(),
        name=_workspace_name(),
        owner_id=owner.id,
        organization_id=organization.id,
        template_id=template.id,
        created_at=now,
        updated_at=now,
        last_used_at=now,
    )
    workspace.favorite_of.add(owner.id)
    return deployment.add_workspace(workspace)


def add_resource(deployment: Deployment, build: Build) -> Resource:
    """The one resource of a start build."""
    resource = Resource(deployment.new_id(), "this_machine", "main", deployment.now())
    resource.metadata = [("host", platform.node(), False), ("kernel", platform.release(), False)]
    build.resources.append(resource)
    return resource


def add_agent(
    deployment: Deployment,
    build: Build,
    *,
    options: HostOptions,
    folder: Path,
    port: int,
    providers: Providers,
) -> Agent:
    """A fresh agent row for a start build; `port` is the deployment's own."""
    resource = add_resource(deployment, build)
    agent = Agent(
        id=deployment.new_id(),
        name=AGENT_NAME,
        workspace_id=build.workspace_id,
        build_id=build.id,
        resource_id=resource.id,
        created_at=deployment.now(),
        kind="host",
        architecture=architecture(),
        operating_system=platform.system().lower(),
        environment_variables={"CODER": "true"},
        directory=str(folder),
        metadata=[gauge.item() for gauge in gauges(str(folder))],
        apps=_apps(deployment, port),
        containers=Containers(),
        providers=providers,
        latency={RELAY_REGION: Latency(0.2, preferred=True)},
    )
    for sample in options.samples:
        _add_script(deployment, agent, sample, options)
    resource.agents.append(agent)
    return agent


def _add_script(deployment: Deployment, agent: Agent, sample: Sample, options: HostOptions) -> None:
    source = deployment.add_log_source(agent, sample.display_name)
    text = options.scripts.get(sample.file)
    if text is None:
        text = (resources.files("agentdash.local") / "samples" / sample.file).read_text(encoding="utf-8")
    script = Script(deployment.new_id(), source.id, sample.display_name, text, sample.cron)
    script.run_on_start, script.run_on_stop = sample.run_on_start, sample.run_on_stop
    script.start_blocks_login, script.timeout_s = sample.start_blocks_login, sample.timeout_s
    agent.scripts.append(script)


def _apps(deployment: Deployment, port: int) -> list[App]:
    """A healthy app, an unhealthy one, a terminal app and a link."""
    own, closed = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{_CLOSED_PORT}"
    apps = [
        App(deployment.new_id(), "deployment", "Embedded deployment", own, healthcheck_url=f"{own}/healthz"),
        App(deployment.new_id(), "nothing", "Nothing listens here", closed, healthcheck_url=f"{closed}/"),
    ]
    for app in apps:
        app.healthcheck_interval_s, app.healthcheck_threshold = _CHECK_INTERVAL_S, _CHECK_THRESHOLD
    top = "htop" if shutil.which("htop") else "top"
    docs = App(deployment.new_id(), "docs", "Coder documentation", "https://coder.com/docs", external=True)
    docs.open_in = "tab"
    return [*apps, App(deployment.new_id(), "top", "Processes", command=top), docs]


def _workspace_name() -> str:
    """The machine's name in the form of a workspace name."""
    name = platform.node().split(".", maxsplit=1)[0].lower()
    cleaned = "".join(char if char.isalnum() and char.isascii() else "-" for char in name).strip("-")
    return cleaned[:32] or "machine"
