"""The embedded deployment is asked what a real server was asked, and must answer in the same form.

For each recorded exchange of a fleet route the records of that server are rebuilt from its own answers
(same ids, same times), the same question is put to the fleet routes, and status, content type, keys and
JSON types must be equal, recursively. What differs on purpose stands in `ACCEPTED`, with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agentdash.local import records as rec
from agentdash.local.routes_fleet import fleet_app
from tests.contract.recorded_twin import DATA, TIME, Twin, must, read

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

ACCEPTED: dict[str, str] = {
    "member/delete-without-right.json": "templates cannot be deleted here: no dashboard does it",
    "running/build-logs.json": "served with the streams",
    "running/failed-build-logs.json": "served with the streams",
    "queue/running-logs.json": "served with the streams",
    "running/derp-map-plain.json": "served with the streams",
    "running/tailnet-plain-get.json": "served with the streams",
    "running/route-unknown.json": "answered by the server core",
    "running/unauth-bad.json": "answered by the server core",
    "running/unauth-badid.json": "answered by the server core",
    "running/unauth-none.json": "answered by the server core",
    "member/build-timings.json": "the build succeeded later; its timings are in no other answer to rebuild it from",
}
"""Exchanges left out, and why."""


def fleet_exchanges() -> list[str]:
    names = (str(file.relative_to(DATA)) for file in sorted(DATA.rglob("*.json")))
    return [name for name in names if "/workspaceagents" not in read(name)["request"]["path"]]


def shape(value: Any) -> Any:
    """Keys and JSON types of a value; lists become the set of their elements' shapes."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return ["list", *sorted({json.dumps(shape(item), sort_keys=True) for item in value})]
    if isinstance(value, str):
        return "time" if TIME.fullmatch(value) else "uuid" if UUID.fullmatch(value) else "string"
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "bool"
    return "number"


# what had happened before some of the questions

BEFORE = {
    "build/cancel-hanging.json": ["build/canceled.json"],
    "queue/cancel-pending.json": ["queue/canceled-pending.json"],
    "queue/cancel-running-0.json": ["queue/canceled-running.json"],
    "queue/cancel-running-1.json": ["queue/provisionerjobs.json"],
    "queue/cancel-running-2.json": ["queue/provisionerjobs.json"],
    "queue/provisionerdaemons.json": ["queue/provisionerjobs.json"],
    "queue/running-timings.json": ["queue/provisionerjobs.json"],
    "running/build-timings.json": ["running/workspace.json"],
    "running/provisionerdaemons.json": ["running/provisionerjobs.json"],
    "running/ws-timings.json": ["running/workspace.json"],
}
"""Answers that tell of things which were there when the question was asked."""
HANGING = "7edd075a-4e1b-4dbb-8db4-3160c9e741ab"


def rewound(build_id: str) -> Callable[[Twin], None]:
    """The build as it was before it was cancelled."""

    def prepare(twin: Twin) -> None:
        job = twin.build(build_id).job
        job.completed_at = job.canceled_at = None
        job.error = ""

    return prepare


def canceling(twin: Twin) -> None:
    twin.build(HANGING).job.canceled_at = twin.deployment.now()


def with_timings(twin: Twin) -> None:
    """What only the answer about timings tells: first runs of scripts, Terraform actions."""
    body = read("running/ws-timings.json")["response"]["body"]
    agents = {agent.id: agent for ws in twin.deployment.workspaces.values() for agent in ws.agents}
    for row in body["agent_script_timings"]:
        times = must(row["started_at"]), must(row["ended_at"])
        timing = rec.ScriptTiming(row["display_name"], *times, row["exit_code"], row["status"], row["stage"])
        agents[row["workspace_agent_id"]].script_timings.append(timing)
    build = twin.build("e20201d9-6604-4ef0-b4b8-9f3e99cc88be")
    for row in body["provisioner_timings"]:
        times = must(row["started_at"]), must(row["ended_at"])
        what = (row["stage"], row["source"], row["action"], row["resource"])
        build.timings.append(rec.ProvisionerTiming(*times, *what))


RUNNING_0 = "4b904e76-fc69-4f29-a629-a5189fb50c65"
PREPARED: dict[str, Callable[[Twin], None]] = {
    "build/cancel-again.json": canceling,
    "build/cancel-hanging.json": rewound(HANGING),
    "queue/cancel-pending.json": rewound("37e3764f-beae-4084-955f-ed7e078b35ee"),
    "queue/cancel-running-0.json": rewound(RUNNING_0),
    "running/ws-timings.json": with_timings,
    "running/build-timings.json": with_timings,
}
FRESH = {"build/start.json", "build/stop.json", "rebuild/start.json", "rebuild/stop.json", "member/create.json",
         "queue/create-answer.json"}  # fmt: skip
"""Questions that make what they answer: their own answer must not be there before."""


async def ask(name: str) -> tuple[httpx.Response, dict[str, Any]]:
    document = read(name)
    request, expected = document["request"], document["response"]
    name_of_state = name if name not in FRESH else "running/workspaces.json"
    twin = Twin(name_of_state, BEFORE.get(name, ()))
    if name in PREPARED:
        PREPARED[name](twin)
    body = request.get("body")
    if name == "queue/create-answer.json":
        answer = expected["body"]
        body = {"name": "q9", "template_id": answer["template_id"]}
    app = fleet_app(twin.deployment, twin.viewer(name))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://coder.example.com") as client:
        return await client.request(request["method"], request["path"], json=body), expected


@pytest.mark.parametrize("name", [name for name in fleet_exchanges() if name not in ACCEPTED])
async def test_answer_has_the_recorded_form(name: str) -> None:
    answer, expected = await ask(name)
    assert answer.status_code == expected["status"], answer.text
    recorded_type = expected.get("headers", {}).get("content-type", "application/json; charset=utf-8")
    assert answer.headers["content-type"] == recorded_type
    if expected["body"] == "":
        assert answer.text == ""
    else:
        assert shape(answer.json()) == shape(expected["body"])


EXACT = [
    "before/users-me.json",
    "before/workspaces-before.json",
    "build/bad-transition.json",
    "build/cancel-again.json",
    "build/canceled.json",
    "build/stop-while-active.json",
    "containers/workspace.json",
    "member/authcheck.json",
    "member/debug-health.json",
    "member/foreign-stop.json",
    "member/templates.json",
    "member/users.json",
    "prebuild/workspace-claimed.json",
    "queue/canceled-running.json",
    "queue/provisionerdaemons.json",
    "queue/provisionerjobs-pending.json",
    "running/failed-workspace.json",
    "running/hanging-workspace.json",
    "running/template-presets.json",
    "running/workspace.json",
    "running/workspaces-bad-q.json",
    "running/ws-timings.json",
    "template-admin/authcheck.json",
    "template-admin/workspace.json",
]


def stable(value: Any) -> Any:
    """Without what depends on the order of two writes: `updated_at`, and the order of lists of ids."""
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items() if key != "updated_at"}
    if isinstance(value, list):
        rows = [stable(item) for item in value]
        return sorted(rows) if rows and all(isinstance(row, str) for row in rows) else rows
    return value


@pytest.mark.parametrize("name", EXACT)
async def test_answer_has_the_recorded_values(name: str) -> None:
    """Where everything that the answer tells is in the records, even the values are equal."""
    answer, expected = await ask(name)
    assert stable(answer.json()) == stable(expected["body"])


def test_accepted_differences_are_about_recorded_exchanges() -> None:
    assert set(ACCEPTED) <= set(fleet_exchanges())
    assert set(EXACT) <= set(fleet_exchanges())
