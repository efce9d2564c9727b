"""The documented JSON of triage, held to the schema that ships with it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentdash.present.triage_json import triage_json, triage_schema
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from agentdash.triage.finding import CannotKnow
from tests.unit.present.test_findings_words import GROUP, GROUPED, POOL, finding
from tests.unit.triage import builders as b

Json = dict[str, Any]


def problems(value: Any, schema: Json, root: Json, path: str = "$") -> list[str]:
    """Where a value does not have the schema's form: the part of JSON Schema that ours uses."""
    if "$ref" in schema:
        return problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
    unknown = schema.keys() - KNOWN
    assert not unknown, f"the check does not know {unknown}"
    found = []
    if "const" in schema and value != schema["const"]:
        found.append(f"{path} is {value!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path} is {value!r}")
    kinds = schema.get("type", [])
    if kinds and not any(is_kind(value, k) for k in ([kinds] if isinstance(kinds, str) else kinds)):
        return [*found, f"{path} is no {kinds}: {value!r}"]
    if isinstance(value, dict):
        found += [f"{path} lacks {key}" for key in schema.get("required", ()) if key not in value]
        rest = schema.get("additionalProperties", {})
        for key, one in value.items():
            found += problems(one, schema.get("properties", {}).get(key, rest), root, f"{path}.{key}")
    elif isinstance(value, list):
        for at, one in enumerate(value):
            found += problems(one, schema.get("items", {}), root, f"{path}[{at}]")
    elif isinstance(value, int | float) and value < schema.get("minimum", value):
        found.append(f"{path} is {value}")
    return found


KNOWN = {
    "$schema", "$defs", "title", "description", "type", "required", "properties", "items", "const", "enum",
    "additionalProperties", "minimum", "pattern", "format",
}  # fmt: skip


def is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, Any] = {
        "null": type(None), "string": str, "integer": int, "number": (int, float), "object": dict, "array": list
    }  # fmt: skip
    return isinstance(value, kinds.get(kind, ()))


def body_of(of: Facts) -> Json:
    found: Json = json.loads(json.dumps(triage_json(of.state, diagnose(of), of.now), allow_nan=False))
    return found


def checked(body: Json) -> Json:
    schema = triage_schema()
    assert problems(body, schema, schema) == []
    return body


def failing(number: int, **fields: Any) -> Any:
    ws_id = f"w{number}"
    bad = b.agent(
        workspace_id=ws_id,
        lifecycle="start_error",
        scripts=(b.script(status="exit_failure", exit_code=127),),
        **fields,
    )
    return b.workspace(bad, id=ws_id)


def test_a_healthy_fleet_has_nothing_to_tell() -> None:
    body = checked(body_of(b.facts()))
    assert (body["schema"], body["findings"], body["groups"]) == (1, [], [])
    assert body["server"] == {"url": "https://coder.example.com", "version": "v2.37.1+1a2b"}
    assert body["generated_at"] == "2026-08-21T12:00:00.000Z"


def test_findings_of_the_engine_have_the_form() -> None:
    body = checked(body_of(b.facts(failing(1))))
    (found,) = [f for f in body["findings"] if f["rule"] == "S03"]
    assert found["severity"] == "S2"
    assert found["subject"] == {
        "kind": "agent", "workspace": "ada/w1", "agent": "main", "preset": None, "template": "web",
        "id": "w1/main", "workspace_id": "w1",
    }  # fmt: skip
    assert found["primary"] is True
    assert found["suspect"] == "install-deps"
    assert found["consequence_of"] is None


def test_every_key_is_there_and_what_is_absent_is_null() -> None:
    bare = replace(
        finding(1), since=None, evidence=(), causes=(), next=(), suspect="", reference="", group=None
    )
    diagnosis = replace(diagnose(b.facts()), findings=(bare, POOL))
    body = checked(triage_json(b.facts().state, diagnosis, b.NOW))
    first, pool = body["findings"]
    assert (first["since"], first["group"], first["suspect"], first["reference"]) == (None,) * 4
    assert pool["subject"]["workspace"] is None
    assert (pool["subject"]["preset"], pool["subject"]["template"]) == ("small", "web")


def test_groups_name_their_findings_and_count_both_sides() -> None:
    diagnosis = replace(diagnose(b.facts()), findings=GROUPED, groups=(GROUP,))
    body = checked(triage_json(b.facts().state, diagnosis, b.NOW))
    (group,) = body["groups"]
    assert group["shared"] == {"template_version": "web v31"}
    assert [group[k] for k in ("with", "with_total", "without", "without_total")] == [14, 15, 0, 22]
    assert group["findings"] == [f["id"] for f in body["findings"]]
    assert {f["group"] for f in body["findings"]} == {group["id"]}


def test_a_lift_without_end_is_null() -> None:
    diagnosis = replace(diagnose(b.facts()), findings=GROUPED, groups=(replace(GROUP, lift=float("inf")),))
    body = triage_json(b.facts().state, diagnosis, b.NOW)
    json.dumps(body, allow_nan=False)
    assert checked(body)["groups"][0]["lift"] is None


def test_consequences_follow_their_cause() -> None:
    effect = replace(finding(1, "W03"), primary=False)
    diagnosis = replace(diagnose(b.facts()), findings=(finding(1, folded=(effect,)),))
    cause, consequence = checked(triage_json(b.facts().state, diagnosis, b.NOW))["findings"]
    assert consequence["consequence_of"] == cause["id"]
    assert consequence["primary"] is False


def test_a_filter_leaves_out_findings_and_empty_groups() -> None:
    diagnosis = replace(diagnose(b.facts()), findings=(*GROUPED, POOL), groups=(GROUP,))
    body = checked(triage_json(b.facts().state, diagnosis, b.NOW, findings=(POOL,)))
    assert [f["rule"] for f in body["findings"]] == ["P05"]
    assert body["groups"] == []


def test_what_cannot_be_judged_is_told() -> None:
    diagnosis = replace(diagnose(b.facts()), cannot_know=(CannotKnow("P13", "not on this API"),))
    body = checked(triage_json(b.facts().state, diagnosis, b.NOW))
    assert body["cannot_know"] == [{"rule": "P13", "why": "not on this API"}]


@pytest.mark.parametrize("spoil", ["rule", "severity", "subject", "evidence", "next", "primary", "group"])
def test_the_schema_notices_what_is_missing(spoil: str) -> None:
    body = body_of(b.facts(failing(1)))
    del body["findings"][0][spoil]
    schema = triage_schema()
    assert problems(body, schema, schema)


def test_times_are_of_the_server_in_utc() -> None:
    at = b.NOW + timedelta(milliseconds=250)
    diagnosis = replace(diagnose(b.facts()), findings=(finding(1, since=at),))
    assert (
        triage_json(b.facts().state, diagnosis, b.NOW)["findings"][0]["since"] == "2026-08-21T12:00:00.250Z"
    )
