"""What the fleet routes do: builds, cancel, claims, rights, shares, settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from agentdash.local import plays
from agentdash.local.clock import ManualClock
from agentdash.local.records import Deployment, Workspace
from agentdash.local.routes_fleet import fleet_app
from agentdash.local.world import World, build_fleet, play

NOT_FOUND = {"message": "Resource not found or you do not have access to this resource"}


class Site:
    """A fleet and somebody who asks it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.world: World = build_fleet(Deployment(self.clock))
        self.deployment = self.world.deployment
        self._clients: dict[str, httpx.AsyncClient] = {}

    def client(self, username: str) -> httpx.AsyncClient:
        if username not in self._clients:
            app = fleet_app(self.deployment, self.world.user(username))
            transport = httpx.ASGITransport(app=app)
            self._clients[username] = httpx.AsyncClient(
                transport=transport, base_url="http://coder.example.com"
            )
        return self._clients[username]

    async def ask(self, method: str, path: str, body: Any = None, *, who: str = "ops") -> httpx.Response:
        return await self.client(who).request(method, "/api/v2" + path, json=body)

    def wait(self, seconds: float) -> None:
        play(self.world, self.clock, seconds)

    def one(self, what: str) -> Workspace:
        return self.world.showing(what)[0]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    await made.close()


async def test_pages_are_cut_from_one_order_and_count_is_of_all(site: Site) -> None:
    whole = (await site.ask("GET", "/workspaces")).json()
    pages = [
        (await site.ask("GET", f"/workspaces?limit=15&offset={offset}")).json() for offset in (0, 15, 30)
    ]
    assert [page["count"] for page in pages] == [40, 40, 40]
    assert [len(page["workspaces"]) for page in pages] == [15, 15, 10]
    assert [ws["id"] for page in pages for ws in page["workspaces"]] == [
        ws["id"] for ws in whole["workspaces"]
    ]
    assert (await site.ask("GET", "/workspaces?limit=5&offset=90")).json() == {"workspaces": [], "count": 40}


@pytest.mark.parametrize("query", ["limit=-1", "offset=x", "limit=99999999999"])
async def test_bad_pages_are_refused(site: Site, query: str) -> None:
    answer = await site.ask("GET", f"/workspaces?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"] == "Query parameters have invalid values."
    assert answer.json()["validations"][0]["field"] == query.partition("=")[0]


async def test_metadata_come_along_only_when_asked_for(site: Site) -> None:
    plain = (await site.ask("GET", "/workspaces?q=name:gateway")).json()["workspaces"][0]
    asked = await site.ask("GET", "/workspaces?q=name:gateway%20include_agent_metadata:cpu")
    agent = asked.json()["workspaces"][0]["latest_build"]["resources"][0]["agents"][0]
    assert "metadata" not in plain["latest_build"]["resources"][0]["agents"][0]
    assert [item["description"] | {"script": ""} for item in agent["metadata"]] == [
        {"display_name": "CPU", "key": "cpu", "script": "", "interval": 10, "timeout": 1}
    ]


async def test_stop_then_start_is_played_with_new_agents(site: Site) -> None:
    workspace = site.one("healthy")
    old = workspace.agents[0].id
    answer = await site.ask(
        "POST", f"/workspaces/{workspace.id}/builds", {"transition": "stop", "reason": "cli"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["template_version_name"], body["job"]["queue_position"]) == (
        "pending",
        "",
        0,
    )
    assert body["matched_provisioners"]["count"] == 3
    busy = await site.ask("POST", f"/workspaces/{workspace.id}/builds", {"transition": "start"})
    assert busy.status_code == 409
    assert busy.json() == {
        "message": "A workspace build is already active.",
        "detail": "A workspace build is already active.",
    }
    site.wait(60)
    assert (await site.ask("GET", f"/workspaces/{workspace.id}")).json()["latest_build"][
        "status"
    ] == "stopped"
    await site.ask("POST", f"/workspaces/{workspace.id}/builds", {"transition": "start"})
    site.wait(90)
    (agent,) = workspace.agents
    assert agent.id != old
    assert agent.lifecycle_state == "ready"


async def test_restart_in_one_call(site: Site) -> None:
    workspace = site.one("healthy")
    number = workspace.latest_build.number
    body = {"transition": "stop", "on_success": {"transition": "start"}}
    assert (await site.ask("POST", f"/workspaces/{workspace.id}/builds", body)).status_code == 201
    site.wait(120)
    assert [build.transition for build in workspace.builds[-2:]] == ["stop", "start"]
    assert workspace.latest_build.number == number + 2
    assert workspace.latest_build.status == "running"


async def test_deleted_workspace_is_gone_but_can_be_asked_for(site: Site) -> None:
    workspace = site.one("stopped")
    await site.ask("POST", f"/workspaces/{workspace.id}/builds", {"transition": "delete"})
    site.wait(60)
    gone = await site.ask("GET", f"/workspaces/{workspace.id}")
    assert gone.status_code == 410
    assert "?include_deleted=true" in gone.json()["message"]
    kept = await site.ask("GET", f"/workspaces/{workspace.id}?include_deleted=true")
    assert kept.json()["latest_build"]["status"] == "deleted"
    assert (await site.ask("GET", "/workspaces")).json()["count"] == 39


@pytest.mark.parametrize(
    ("body", "field", "tag"),
    [
        ({}, "transition", "required"),
        ({"transition": "dance"}, "transition", "oneof"),
        ({"transition": "stop", "reason": "whim"}, "reason", "oneof"),
    ],
)
async def test_bad_build_requests(site: Site, body: dict[str, str], field: str, tag: str) -> None:
    answer = await site.ask("POST", f"/workspaces/{site.one('healthy').id}/builds", body)
    assert answer.status_code == 400
    problem = answer.json()["validations"][0]
    assert problem["field"] == field
    assert f'tag "{tag}"' in problem["detail"]


async def test_cancel_and_its_refusals(site: Site) -> None:
    build = site.one("pending").latest_build
    path = f"/workspacebuilds/{build.id}/cancel"
    assert (await site.ask("PATCH", path + "?expect_status=running")).status_code == 412
    assert (await site.ask("PATCH", path + "?expect_status=odd")).status_code == 400
    done = await site.ask("PATCH", path + "?expect_status=pending")
    assert done.json() == {"message": "Job has been marked as canceled..."}
    assert build.status == "canceled"
    again = await site.ask("PATCH", path)
    assert (again.status_code, again.json()["message"]) == (400, "Job has already completed!")


async def test_user_may_not_cancel_where_the_template_forbids_it(site: Site) -> None:
    workspace = site.one("pending")
    site.deployment.template_of(workspace).allow_user_cancel_workspace_jobs = False
    path = f"/workspacebuilds/{workspace.latest_build.id}/cancel"
    assert (await site.ask("PATCH", path, who="mara")).status_code == 403
    assert (await site.ask("PATCH", path, who="ops")).status_code == 200


async def test_creating_takes_a_prebuild_when_one_is_claimable(site: Site) -> None:
    body = {"name": "mine", "template_id": site.world.catalogue.web}
    created = (await site.ask("POST", "/users/me/workspaces", body, who="mara")).json()
    assert created["latest_build"]["build_number"] == 2
    assert (created["owner_name"], created["is_prebuild"]) == ("mara", False)
    cold = {"name": "cold", "template_id": site.world.catalogue.go}
    made = (await site.ask("POST", "/users/me/workspaces", cold, who="mara")).json()
    assert made["latest_build"]["build_number"] == 1
    twice = await site.ask("POST", "/users/me/workspaces", body, who="mara")
    assert twice.status_code == 409


@pytest.mark.parametrize(
    ("who", "what", "transition", "status"),
    [
        ("mara", "start_error", "stop", 404),
        ("tara", "start_error", "stop", 403),
        ("ops", "start_error", "stop", 201),
        ("tara", "prebuild", "delete", 201),
        ("tara", "prebuild", "stop", 403),
        ("mara", "prebuild", "delete", 404),
    ],
)
async def test_rights_by_role(site: Site, who: str, what: str, transition: str, status: int) -> None:
    prebuilds = [ws for ws in site.deployment.live_workspaces() if ws.is_prebuild]
    workspace = prebuilds[0] if what == "prebuild" else site.one(what)
    answer = await site.ask("POST", f"/workspaces/{workspace.id}/builds", {"transition": transition}, who=who)
    assert answer.status_code == status
    if status == 404:
        assert answer.json() == NOT_FOUND
    if status == 403:
        assert answer.json()["message"] == f"You do not have permission to {transition} this workspace."


@pytest.mark.parametrize(
    ("path", "ops", "tara", "mara"),
    [
        ("/organizations/default/provisionerjobs", 200, 404, 404),
        ("/organizations/acme/provisionerdaemons", 200, 404, 404),
        ("/debug/health", 200, 403, 403),
        ("/prebuilds/settings", 200, 200, 200),
        ("/templates", 200, 200, 200),
        ("/users/me", 200, 200, 200),
        ("/entitlements", 200, 200, 200),
    ],
)
async def test_who_may_read_what(site: Site, path: str, ops: int, tara: int, mara: int) -> None:
    statuses = [(await site.ask("GET", path, who=who)).status_code for who in ("ops", "tara", "mara")]
    assert statuses == [ops, tara, mara]


async def test_prebuild_switch_and_licence(site: Site) -> None:
    path = "/prebuilds/settings"
    assert (await site.ask("PUT", path, {"reconciliation_paused": True}, who="tara")).status_code == 403
    assert (await site.ask("PUT", path, {"reconciliation_paused": True})).json() == {
        "reconciliation_paused": True
    }
    same = await site.ask("PUT", path, {"reconciliation_paused": True})
    assert (same.status_code, same.content) == (304, b"")
    site.deployment.entitlements = {"workspace_prebuilds": False}
    refused = await site.ask("GET", path)
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "Prebuilt workspaces is a Premium feature. Contact sales!",
    )
    site.deployment.entitlements = None
    assert (await site.ask("GET", path)).json() == {"message": "Route not found."}
    assert (await site.ask("GET", "/entitlements")).status_code == 404


async def test_invalidated_prebuilds_are_replaced(site: Site) -> None:
    answer = await site.ask("POST", f"/templates/{site.world.catalogue.go}/prebuilds/invalidate")
    assert answer.json()["invalidated"] == [
        {"template_name": "platform", "template_version_name": "platform-v31", "preset_name": "standard"}
    ]


async def test_jobs_filter_and_refuse(site: Site) -> None:
    base = "/organizations/default/provisionerjobs"
    jobs = (await site.ask("GET", f"{base}?status=pending,running")).json()
    assert {job["status"] for job in jobs} == {"pending", "running"}
    assert all("worker_name" in job for job in jobs if job["status"] == "running")
    assert len((await site.ask("GET", base)).json()) == 50
    assert (await site.ask("GET", f"{base}?offset=2")).json()["validations"][0]["field"] == "offset"
    assert (await site.ask("GET", f"{base}?status=odd")).status_code == 500
    assert (await site.ask("GET", f"{base}?initiator=me")).status_code == 400
    one = (await site.ask("GET", f"{base}/{jobs[0]['id']}")).json()
    assert one["metadata"]["template_name"]


async def test_offline_daemons_are_shown_only_when_asked_for(site: Site) -> None:
    plays.stop_daemons(site.deployment)
    site.wait(120)
    base = "/organizations/default/provisionerdaemons"
    assert (await site.ask("GET", base)).json() == []
    asked = (await site.ask("GET", f"{base}?offline=true")).json()
    assert [daemon["status"] for daemon in asked] == ["offline"] * 3


async def test_port_shares_live_by_agent_name_and_port(site: Site) -> None:
    path = f"/workspaces/{site.one('healthy').id}/port-share"
    share = {"agent_name": "main", "port": 3000, "share_level": "authenticated", "protocol": "http"}
    first = await site.ask("POST", path, share)
    assert first.json()["share_level"] == "authenticated"
    await site.ask("POST", path, share | {"share_level": "public"})
    assert [row["share_level"] for row in (await site.ask("GET", path)).json()["shares"]] == ["public"]
    key = {"agent_name": "main", "port": 3000}
    gone = await site.ask("DELETE", path, key)
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await site.ask("DELETE", path, key)).status_code == 404
    assert (await site.ask("POST", path, share | {"share_level": "owner"})).status_code == 400


async def test_settings_of_one_workspace(site: Site) -> None:
    workspace = site.deployment.find_workspace(site.world.user("ada"), "gateway")
    assert workspace is not None
    path = f"/workspaces/{workspace.id}"
    assert (await site.ask("PUT", f"{path}/dormant", {"dormant": False})).status_code == 304
    assert (await site.ask("PUT", f"{path}/dormant", {"dormant": True})).json()["dormant_at"] is not None
    assert (await site.ask("PUT", f"{path}/favorite")).status_code == 403
    assert (await site.ask("PUT", f"{path}/favorite", who="ada")).status_code == 204
    assert (await site.ask("GET", path, who="ada")).json()["favorite"] is True
    assert (await site.ask("GET", path)).json()["favorite"] is False
    assert (await site.ask("POST", f"{path}/usage")).status_code == 204
    assert workspace.last_used_at == site.deployment.now()
    late = {"deadline": "2026-08-24T20:00:00Z"}
    assert (await site.ask("PUT", f"{path}/extend", late)).status_code == 409
    plays.set_deadline(site.deployment, workspace, 600, 3600)
    assert (await site.ask("PUT", f"{path}/extend", late)).status_code == 400
    soon = {"deadline": "2026-08-24T09:30:00Z"}
    assert (await site.ask("PUT", f"{path}/extend", soon)).status_code == 200
    assert (await site.ask("GET", path)).json()["latest_build"]["deadline"] == "2026-08-24T09:30:00Z"


@pytest.mark.parametrize(
    "path", ["/workspaces/nope", "/workspacebuilds/nope", "/templateversions/nope/presets"]
)
async def test_malformed_ids(site: Site, path: str) -> None:
    answer = await site.ask("GET", path)
    assert (answer.status_code, answer.json()) == (
        400,
        {"message": 'Invalid UUID "nope".', "detail": "invalid UUID length: 4"},
    )


async def test_builds_newest_first_and_by_number(site: Site) -> None:
    workspace = site.one("healthy")
    builds = (await site.ask("GET", f"/workspaces/{workspace.id}/builds")).json()
    assert [build["build_number"] for build in builds] == list(range(len(builds), 0, -1))
    owner = site.deployment.owner_of(workspace).username
    first = await site.ask("GET", f"/users/{owner}/workspace/{workspace.name}/builds/1")
    assert first.json()["id"] == builds[-1]["id"]
    assert "agents" not in first.json()["resources"][0]
    missing = await site.ask("GET", f"/users/{owner}/workspace/{workspace.name}/builds/99")
    assert (missing.status_code, missing.json()["message"]) == (
        404,
        f'Workspace "{workspace.name}" Build 99 does not exist.',
    )


async def test_health_report_ages_and_is_renewed(site: Site) -> None:
    plays.warn_health(site.deployment, "database", "warning", "EDB01", "Database latency is high.")
    first = (await site.ask("GET", "/debug/health")).json()
    assert (first["severity"], first["healthy"]) == ("warning", True)
    assert first["database"]["warnings"] == [{"code": "EDB01", "message": "Database latency is high."}]
    site.wait(300)
    assert (await site.ask("GET", "/debug/health")).json()["time"] == first["time"]
    assert (await site.ask("GET", "/debug/health?force=true")).json()["time"] != first["time"]
