"""Who works in the scripted fleet, and with what: organization, people, templates, daemons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from agentdash.local import world_templates as plans
from agentdash.local.blueprints import Blueprint, change_script
from agentdash.local.deployment import Deployment, HealthSection
from agentdash.local.records_build import DEFAULT_TAGS, Job, ProvisionerDaemon
from agentdash.local.records_org import (
    PREBUILDS_USER_ID,
    Organization,
    Preset,
    Template,
    TemplateVersion,
    User,
)
from agentdash.local.world_boxes import BOXES

OWNER, TEMPLATE_ADMIN, MEMBER = "ops", "tara", "mara"
"""User names of the three accounts that a test or a demo logs in with."""

_PEOPLE: tuple[tuple[str, str, list[str]], ...] = (
    ("ops", "Olivia Park", ["owner"]),
    ("tara", "Tara Nguyen", ["template-admin"]),
    ("mara", "Mara Lindqvist", []),
    ("ada", "Ada Okafor", []),
    ("bruno", "Bruno Castelli", []),
    ("chen", "Chen Wei", []),
    ("dalia", "Dalia Haddad", []),
    ("emil", "Emil Sørensen", []),
    ("farah", "Farah Rahimi", []),
    ("gus", "Gus Whitaker", []),
    ("hana", "Hana Kobayashi", []),
    ("ivo", "Ivo Marković", []),
    ("june", "June Adeyemi", []),
    ("kofi", "Kofi Mensah", []),
)
_FEATURES = (
    "workspace_prebuilds",
    "audit_log",
    "connection_log",
    "workspace_batch_actions",
    "external_provisioner_daemons",
    "multiple_organizations",
    "workspace_proxy",
    "high_availability",
    "advanced_template_scheduling",
    "control_shared_ports",
)
_SECTIONS = ("derp", "access_url", "websocket", "database", "workspace_proxy", "provisioner_daemons")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Ids of the six templates, by name."""

    web: str
    data: str
    go: str
    vm: str
    ai: str
    boxes: str


def furnish(deployment: Deployment, *, desired_web: int | None = 3, desired_go: int | None = 5) -> Catalogue:
    """Fill an empty deployment with everything but workspaces; returns the templates.

    `desired_web` and `desired_go` are the sizes of the two prebuild pools, None = no pool.
    """
    now = deployment.now()
    organization = Organization(deployment.new_id(), "acme", "Acme", now - timedelta(days=400))
    deployment.organizations.append(organization)
    for username, name, roles in _PEOPLE:
        deployment.add_user(_person(deployment, username, name, roles))
    deployment.add_user(
        User(
            PREBUILDS_USER_ID, "prebuilds", "Prebuilds Owner", "prebuilds@system", now, now, [organization.id]
        )
    )
    for index in range(3):
        deployment.daemons.append(_daemon(deployment, f"provisioner-{index}"))
    deployment.entitlements = dict.fromkeys(_FEATURES, True) | {"browser_only": False}
    deployment.wildcard_hostname = "*.apps.acme.example.com"
    deployment.health = {section: HealthSection() for section in _SECTIONS}
    return _templates(deployment, desired_web, desired_go)


def _person(deployment: Deployment, username: str, name: str, roles: list[str]) -> User:
    now = deployment.now()
    return User(
        id=deployment.new_id(),
        username=username,
        name=name,
        email=f"{username}@acme.example.com",
        created_at=now - timedelta(days=200),
        last_seen_at=now - timedelta(minutes=deployment.rng.randint(1, 900)),
        organization_ids=[deployment.organization.id],
        roles=list(roles),
    )


def _daemon(deployment: Deployment, name: str) -> ProvisionerDaemon:
    now = deployment.now()
    return ProvisionerDaemon(deployment.new_id(), name, now, now, deployment.version)


def _templates(deployment: Deployment, desired_web: int | None, desired_go: int | None) -> Catalogue:
    web = _template(
        deployment, "web", "Web (Docker)", "/icon/docker.svg", "Node services and the shop front end"
    )
    _version(deployment, web, "web-v17", plans.WEB, desired=("small", desired_web))
    data = _template(deployment, "data", "Data science", "/icon/jupyter.svg", "JupyterLab on a GPU pool")
    _version(deployment, data, "data-v9", plans.DATA)
    go = _template(deployment, "platform", "Platform (Go)", "/icon/go.svg", "Go services on Kubernetes")
    _version(deployment, go, "platform-v30", plans.GO, desired=("standard", desired_go))
    vm = _template(deployment, "linux-vm", "Linux VM", "/icon/aws.svg", "EC2 with clang and a scratch disk")
    _version(deployment, vm, "linux-vm-v5", plans.VM)
    ai = _template(deployment, "ai-task", "AI task", "/icon/claude.svg", "A coding agent and its session")
    _version(deployment, ai, "ai-task-v12", plans.AI)
    boxes = _template(deployment, "devcontainers", "Dev Containers", "/icon/container.svg", "envbox")
    _version(deployment, boxes, "devcontainers-v8", BOXES)
    return Catalogue(web, data, go, vm, ai, boxes)


def add_template(
    deployment: Deployment, name: str, blueprint: Blueprint, *, desired: int | None = None
) -> str:
    """A template with one version named `<name>-v1`; with `desired` it has a preset with such a pool."""
    template_id = _template(deployment, name, name.title(), "", "")
    pool = ("standard", desired) if desired is not None else None
    _version(deployment, template_id, f"{name}-v1", blueprint, desired=pool)
    return template_id


def _template(deployment: Deployment, name: str, display_name: str, icon: str, description: str) -> str:
    made = deployment.now() - timedelta(days=120)
    admin = deployment.find_user(TEMPLATE_ADMIN)
    assert admin is not None
    template = Template(
        id=deployment.new_id(),
        name=name,
        display_name=display_name,
        organization_id=deployment.organization.id,
        created_at=made,
        updated_at=made,
        created_by_id=admin.id,
        icon=icon,
        description=description,
        active_user_count=deployment.rng.randint(2, 9),
    )
    deployment.add_template(template)
    return template.id


def _version(
    deployment: Deployment,
    template_id: str,
    name: str,
    blueprint: Blueprint,
    *,
    desired: tuple[str, int | None] | None = None,
) -> TemplateVersion:
    template = deployment.templates[template_id]
    made = deployment.now()
    version_id = deployment.new_id()
    job = Job(
        id=deployment.new_id(),
        created_at=made - timedelta(seconds=12),
        file_id=deployment.new_id(),
        initiator_id=template.created_by_id,
        type="template_version_import",
        template_version_id=version_id,
        started_at=made - timedelta(seconds=11),
        completed_at=made,
        worker_id=deployment.daemons[0].id,
        tags={**DEFAULT_TAGS, **dict(blueprint.tags)},
    )
    version = TemplateVersion(version_id, template_id, name, made, job, blueprint)
    if desired is not None:
        preset, count = desired
        version.presets = [
            Preset(
                deployment.new_id(),
                preset,
                [("size", preset)],
                True,
                count,
                f"{count or 0} kept warm",
                template.icon,
            ),
            Preset(deployment.new_id(), "large", [("size", "large")], icon=template.icon),
        ]
    template.updated_at = made
    return deployment.add_version(version)


def publish_version(
    deployment: Deployment, template_id: str, name: str, blueprint: Blueprint
) -> TemplateVersion:
    """A new active version; its presets are those of the version before, with new ids."""
    before = deployment.versions[deployment.templates[template_id].active_version_id]
    version = _version(deployment, template_id, name, blueprint)
    version.presets = [
        Preset(
            deployment.new_id(),
            old.name,
            list(old.parameters),
            old.is_default,
            old.desired,
            old.description,
            old.icon,
        )
        for old in before.presets
    ]
    for workspace in deployment.live_workspaces():
        if workspace.template_id == template_id:
            deployment.touch(workspace)
    return version


def go_with_npm_missing() -> Blueprint:
    """The platform template after somebody added a tool that needs npm to an image without it."""
    return change_script(
        plans.GO,
        "main",
        "Install tools",
        lines=plans.NPM_NOT_FOUND_LINES,
        duration_s=14,
        status="exit_failure",
        exit_code=127,
        script="#!/bin/sh\nset -e\nmise install\nnpm install -g @openapitools/openapi-generator-cli\n",
    )
