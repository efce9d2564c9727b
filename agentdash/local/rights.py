"""Who may do what to a workspace, by role (contract: fleet.md §7.2, agents.md §1, recordings of three roles)."""

from __future__ import annotations

from typing import Literal

from agentdash.local.deployment import Deployment
from agentdash.local.records_org import User, Workspace

Action = Literal["read", "update", "start", "stop", "delete", "ssh", "application_connect"]

_PREBUILD_BY_TEMPLATE_ADMIN = {"read", "update", "delete"}
_FOREIGN_BY_ORG_ADMIN = {"read", "update", "start", "stop", "delete"}


def is_owner_role(user: User) -> bool:
    """Site owner: may do everything."""
    return "owner" in user.roles


def is_template_admin(user: User) -> bool:
    """Site-wide or of the organization."""
    return "template-admin" in user.roles or "organization-template-admin" in user.org_roles


def is_org_admin(user: User) -> bool:
    """Administrator of the organization."""
    return "organization-admin" in user.org_roles


def can(user: User, action: str, workspace: Workspace) -> bool:
    """Whether `user` may do `action` to that workspace. Auditors and user admins are plain members here."""
    if is_owner_role(user):
        return True
    if workspace.owner_id == user.id:
        return True
    if is_org_admin(user) and action in _FOREIGN_BY_ORG_ADMIN:
        return True
    if is_template_admin(user):
        if workspace.is_prebuild and action in _PREBUILD_BY_TEMPLATE_ADMIN:
            return True
        if action == "read":
            return True
    return action in {"read", "ssh", "application_connect"} and user.id in workspace.shared_with


def can_read_provisioners(user: User) -> bool:
    """Provisioner jobs and daemons: site owner, org admin, org template admin; nobody else (fleet.md §6.2)."""
    return is_owner_role(user) or bool(
        {"organization-admin", "organization-template-admin"} & set(user.org_roles)
    )


def visible_workspaces(deployment: Deployment, user: User) -> list[Workspace]:
    """Every workspace the user may read, deleted ones left out."""
    return [workspace for workspace in deployment.live_workspaces() if can(user, "read", workspace)]


def authcheck(deployment: Deployment, user: User, check: dict[str, object]) -> bool:
    """One entry of `POST /authcheck`."""
    subject = check.get("object")
    action = str(check.get("action", ""))
    if not isinstance(subject, dict):
        return False
    kind = str(subject.get("resource_type", ""))
    resource_id = str(subject.get("resource_id") or "")
    if kind == "workspace" and resource_id:
        workspace = deployment.workspaces.get(resource_id)
        return workspace is not None and can(user, action, workspace)
    if is_owner_role(user):
        return True
    if kind in {"workspace", "prebuilt_workspace"} and is_template_admin(user):
        allowed = {"read"} if kind == "workspace" else _PREBUILD_BY_TEMPLATE_ADMIN
        if action in allowed:
            return True
    in_organization = str(subject.get("organization_id") or "") in user.organization_ids
    if in_organization and is_org_admin(user):
        if kind == "workspace" and action in _FOREIGN_BY_ORG_ADMIN:
            return True
        if kind == "provisioner_daemon":
            return True
    if kind == "workspace":
        # Own workspaces are granted per organization: without one the answer is no, as recorded.
        mine = str(subject.get("owner_id") or "") in {"me", user.id}
        return mine and (in_organization or bool(subject.get("any_org")))
    if kind in {"template", "provisioner_daemon"} and is_template_admin(user):
        return True
    if kind == "provisioner_jobs":
        return can_read_provisioners(user)
    return kind == "template" and action == "read"
