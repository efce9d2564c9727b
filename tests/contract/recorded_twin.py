"""The recorded server of 2026-08 as records: rebuilt from its own answers, with its ids and times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentdash.local import records as rec
from agentdash.local.clock import ManualClock

DATA = Path(__file__).parent / "data" / "2026-08"
ORGANIZATION_ID = "26d6c93d-5209-42dd-ab14-f00ec60e935e"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / name).read_text())
    return document


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def must(text: str) -> datetime:
    found = moment(text)
    assert found is not None
    return found


def times_in(value: Any) -> Iterator[datetime]:
    if isinstance(value, dict):
        for item in value.values():
            yield from times_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from times_in(item)
    elif isinstance(value, str) and TIME.fullmatch(value):
        yield must(value)


def optional_times(source: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: moment(source.get(name)) for name in names}


def agent_record(source: dict[str, Any], build: dict[str, Any]) -> rec.Agent:
    agent = rec.Agent(
        id=source["id"],
        name=source["name"],
        workspace_id=build["workspace_id"],
        build_id=build["id"],
        resource_id=source["resource_id"],
        created_at=must(source["created_at"]),
        parent_id=source["parent_id"],
        lifecycle_state=source["lifecycle_state"],
        connection_timeout_s=source["connection_timeout_seconds"],
        latency={name: rec.Latency(**values) for name, values in source.get("latency", {}).items()},
        **optional_times(source, "first_connected_at", "last_connected_at", "disconnected_at"),
        **optional_times(source, "started_at", "ready_at"),
    )
    for key in (
        "environment_variables",
        "display_apps",
        "logs_length",
        "logs_overflowed",
        "version",
        "api_version",
    ):
        setattr(agent, key, source[key])
    for key in ("directory", "expanded_directory", "troubleshooting_url"):
        setattr(agent, key, source.get(key, ""))
    for row in source["log_sources"]:
        agent.log_sources.append(
            rec.LogSource(row["id"], row["display_name"], must(row["created_at"]), row["icon"])
        )
    for row in source["scripts"]:
        known = {key: value for key, value in row.items() if key != "timeout"}
        agent.scripts.append(rec.Script(**known, timeout_s=row["timeout"] / 1e9))
    agent.apps = [app_record(row) for row in source["apps"]]
    return agent


def app_record(source: dict[str, Any]) -> rec.App:
    row = dict(source)
    check = row.pop("healthcheck")
    statuses = [
        rec.AppStatus(item["id"], must(item["created_at"]), item["state"], item["message"], item["uri"])
        for item in row.pop("statuses")
    ]
    return rec.App(
        **row,
        healthcheck_url=check["url"],
        healthcheck_interval_s=check["interval"],
        healthcheck_threshold=check["threshold"],
        statuses=statuses,
    )


def job_record(source: dict[str, Any]) -> rec.Job:
    return rec.Job(
        id=source["id"],
        created_at=must(source["created_at"]),
        file_id=source["file_id"],
        initiator_id=source["initiator_id"],
        type=source["type"],
        workspace_build_id=source["input"].get("workspace_build_id"),
        template_version_id=source["input"].get("template_version_id"),
        error=source.get("error", ""),
        worker_id=source.get("worker_id"),
        tags=source["tags"],
        **optional_times(source, "started_at", "completed_at", "canceled_at"),
    )


def build_record(source: dict[str, Any]) -> rec.Build:
    build = rec.Build(
        id=source["id"],
        workspace_id=source["workspace_id"],
        number=source["build_number"],
        transition=source["transition"],
        initiator_id=source["initiator_id"],
        template_version_id=source["template_version_id"],
        created_at=must(source["created_at"]),
        updated_at=must(source["updated_at"]),
        job=job_record(source["job"]),
        preset_id=source["template_version_preset_id"],
        daily_cost=source["daily_cost"],
    )
    for row in source["resources"]:
        metadata = [(item["key"], item["value"], item["sensitive"]) for item in row.get("metadata", [])]
        resource = rec.Resource(row["id"], row["type"], row["name"], must(row["created_at"]), row["icon"])
        resource.hide, resource.daily_cost, resource.metadata = row["hide"], row["daily_cost"], metadata
        resource.agents = [agent_record(agent, source) for agent in row.get("agents", [])]
        build.resources.append(resource)
    return build


class Twin:
    """A deployment with the records of the recorded server, as of one of its answers."""

    def __init__(self, name: str, before: Sequence[str] = ()) -> None:
        body = read(name)["response"].get("body")
        first = datetime(2026, 11, 23, 12, 6, 41, tzinfo=UTC)
        now = max([first, *times_in(body)]) + timedelta(milliseconds=200)
        self.deployment = deployment = rec.Deployment(ManualClock(now))
        deployment.version, deployment.url = "v0.0.0-devel", "http://coder.example.com"
        deployment.entitlements = None
        deployment.organizations.append(rec.Organization(ORGANIZATION_ID, "coder", "Coder", first))
        for file in ("running", "member", "template-admin"):
            self._add_user(read(f"{file}/users-me.json")["response"]["body"])
        deployment.add_user(rec.User(rec.PREBUILDS_USER_ID, "prebuilds", "", "", first, first, []))
        self._add_templates()
        folder = "queue" if name.startswith("queue/") else "running"
        self._add_daemons(read(f"{folder}/provisionerdaemons.json")["response"]["body"])
        more = ["queue/workspaces.json"] if folder == "queue" else []
        for file in (*before, name, *more, "before/workspaces-before.json"):
            self.absorb(read(file)["response"].get("body"))

    def _add_user(self, row: dict[str, Any]) -> None:
        made, seen = must(row["created_at"]), must(row["last_seen_at"])
        roles = [role["name"] for role in row["roles"]]
        user = rec.User(
            row["id"], row["username"], row["name"], row["email"], made, seen, [ORGANIZATION_ID], roles
        )
        self.deployment.add_user(user)

    def _add_templates(self) -> None:
        for row in read("member/templates.json")["response"]["body"]:
            made, changed = must(row["created_at"]), must(row["updated_at"])
            template = rec.Template(
                row["id"],
                row["name"],
                row["display_name"],
                ORGANIZATION_ID,
                made,
                changed,
                row["created_by_id"],
            )
            template.provisioner, template.allow_user_cancel_workspace_jobs = row["provisioner"], False
            self.deployment.add_template(template)
        for row in read("queue/provisionerjobs.json")["response"]["body"]:
            if row["type"] == "template_version_import":
                metadata, made = row["metadata"], must(row["created_at"])
                version = rec.TemplateVersion(
                    row["input"]["template_version_id"],
                    metadata["template_id"],
                    metadata["template_version_name"],
                    made,
                    job_record(row),
                )
                self.deployment.add_version(version)
        answer = read("running/template-presets.json")
        version = self.deployment.versions[answer["request"]["path"].split("/")[-2]]
        for row in answer["response"]["body"]:
            values = [(item["Name"], item["Value"]) for item in row["Parameters"]]
            preset = rec.Preset(
                row["ID"], row["Name"], values, row["Default"], row["DesiredPrebuildInstances"]
            )
            preset.description, preset.icon = row["Description"], row["Icon"]
            version.presets.append(preset)

    def _add_daemons(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            made, seen = must(row["created_at"]), must(row["last_seen_at"])
            daemon = rec.ProvisionerDaemon(row["id"], row["name"], made, seen, row["version"])
            daemon.provisioners, daemon.is_alive = row["provisioners"], False
            self.deployment.daemons.append(daemon)

    def absorb(self, body: Any) -> None:
        """Take in whatever a body tells of workspaces, builds and jobs."""
        rows = body.get("workspaces", [body]) if isinstance(body, dict) else body
        for row in rows if isinstance(rows, list) else []:
            if "latest_build" in row:
                self._add_workspace(row)
            elif "build_number" in row:
                self._add_build(row)
            elif "workspace_build_transition" in row.get("metadata", {}):
                self._add_job(row)

    def _add_workspace(self, row: dict[str, Any]) -> None:
        if row["id"] in self.deployment.workspaces:
            return
        workspace = rec.Workspace(
            row["id"],
            row["name"],
            row["owner_id"],
            ORGANIZATION_ID,
            row["template_id"],
            must(row["created_at"]),
            must(row["last_used_at"]),
            must(row["updated_at"]),
        )
        self.deployment.add_workspace(workspace)
        self.deployment.add_build(build_record(row["latest_build"]))

    def _add_build(self, row: dict[str, Any]) -> None:
        if row["workspace_id"] not in self.deployment.workspaces:
            version = self.deployment.versions[row["template_version_id"]]
            made = must(row["created_at"])
            self.deployment.add_workspace(
                rec.Workspace(
                    row["workspace_id"],
                    row["workspace_name"],
                    row["workspace_owner_id"],
                    ORGANIZATION_ID,
                    version.template_id,
                    made,
                    made,
                    made,
                )
            )
        if self.deployment.find_build(row["id"]) is None:
            self.deployment.add_build(build_record(row))

    def _add_job(self, row: dict[str, Any]) -> None:
        metadata = row["metadata"]
        version = next(
            v for v in self.deployment.versions.values() if v.name == metadata["template_version_name"]
        )
        self._add_build(
            {
                "id": row["input"]["workspace_build_id"],
                "workspace_id": metadata["workspace_id"],
                "workspace_name": metadata["workspace_name"],
                "workspace_owner_id": row["initiator_id"],
                "template_version_id": version.id,
                "build_number": 1,
                "transition": metadata["workspace_build_transition"],
                "initiator_id": row["initiator_id"],
                "created_at": row["created_at"],
                "updated_at": row["created_at"],
                "job": row,
                "template_version_preset_id": None,
                "daily_cost": 0,
                "resources": [],
            }
        )

    def viewer(self, name: str) -> rec.User:
        username = {"member": "mara", "template-admin": "tara"}.get(name.partition("/")[0], "ops")
        user = self.deployment.find_user(username)
        assert user is not None
        return user

    def build(self, build_id: str) -> rec.Build:
        found = self.deployment.find_build(build_id)
        assert found is not None
        return found
