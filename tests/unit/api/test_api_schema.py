"""One bad value costs one field, never the object, and never an exception."""

from __future__ import annotations

import json
import typing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdash.api import schema
from agentdash.api.schema import base

MODELS: list[Any] = [
    model
    for name in schema.__all__
    if isinstance(model := getattr(schema, name), type) and issubclass(model, schema.Wire)
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1e999", "12", "\u001b[31m"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def keys_of(model: Any) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if hasattr(alias, "choices") else [alias or name]
        found += [str(choice) for choice in choices]
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_arbitrary_json_in_every_field_never_raises(model: Any, data: st.DataObject) -> None:
    nested = st.dictionaries(st.sampled_from(keys_of(model) or ["x"]), JSON, max_size=6)
    value = data.draw(nested | JSON)
    text = json.dumps(value)
    try:
        found = schema.decode(model, text)
    except schema.NotDecodable:
        assert not isinstance(value, dict)
    else:
        assert isinstance(found.value, model)
        assert isinstance(schema.from_python(model, value).value, model)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_lenient_and_has_an_empty_value(model: Any) -> None:
    hints = typing.get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        marks = [*field.metadata, *getattr(hints[name], "__metadata__", ())]
        assert any(isinstance(mark, base.Lenient) for mark in marks), name
        assert not field.is_required(), name
    assert schema.decode(model, "{}").notes == ()
    nulls = json.dumps(dict.fromkeys(keys_of(model)))
    read = schema.decode(model, nulls)
    assert read.notes == (), "null is not worth a note"
    assert read.value == model()


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"<html>", b"\xff\xfe", b"nul", b"[" * 100_000], ids=lambda raw: repr(raw[:8])
)
def test_what_is_no_json_has_one_error_without_the_text(raw: bytes) -> None:
    with pytest.raises(schema.NotDecodable) as one:
        schema.decode(schema.Agent, raw)
    with pytest.raises(schema.NotDecodable):
        schema.decode_list(schema.Agent, raw)
    assert "html" not in str(one.value)
    assert one.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-08-22T07:01:46Z", datetime(2026, 8, 22, 7, 1, 46, tzinfo=UTC)),
        ("2026-08-22T07:01:46.1Z", datetime(2026, 8, 22, 7, 1, 46, 100000, tzinfo=UTC)),
        ("2026-08-22T07:01:46.123456789Z", datetime(2026, 8, 22, 7, 1, 46, 123456, tzinfo=UTC)),
        ("2026-08-22T07:01:46+02:00", datetime(2026, 8, 22, 5, 1, 46, tzinfo=UTC)),
        ("2026-08-22T07:01:46", datetime(2026, 8, 22, 7, 1, 46, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ({"seconds": 1}, None),
    ],
)
def test_timestamp_is_utc_or_none(text: object, moment: datetime | None) -> None:
    found = schema.from_python(schema.Agent, {"id": "a", "created_at": text}).value.created_at
    assert found == moment
    assert found is None or found.tzinfo is UTC


def test_a_bad_value_costs_one_field_and_leaves_a_note_without_the_value() -> None:
    raw = '{"id": "w", "name": ["secret"], "latest_build": {"build_number": "7", "resources": [1, {"name": "r"}]}}'
    found = schema.decode(schema.Workspace, raw)
    assert (found.value.id, found.value.name, found.value.latest_build.build_number) == ("w", "", 7)
    assert [resource.name for resource in found.value.latest_build.resources] == ["r"]
    assert {note.kind for note in found.notes} == {"list", "int"}
    assert "secret" not in repr(found.notes)


def test_a_broken_byte_costs_no_page() -> None:
    raw = b'{"workspaces":[{"id":"a","name":"x\xffy"},{"id":"b","name":"z\\ud800"}],"count":2}'
    page = schema.decode(schema.WorkspacesPage, raw).value
    assert [workspace.id for workspace in page.workspaces] == ["a", "b"]
    assert page.workspaces[0].name == "x\ufffdy"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("u", "u"),
        (None, None),
        ({"uuid": "u", "valid": True}, "u"),
        ({"uuid": "u", "valid": False}, None),
        (7, "7"),
    ],
)
def test_parent_id_in_every_form(sent: object, expected: str | None) -> None:
    assert schema.from_python(schema.Agent, {"parent_id": sent}).value.parent_id == expected


def test_names_of_older_servers() -> None:
    old = {
        "startup_logs_length": 12,
        "startup_logs_overflowed": True,
        "subsystem": "envbox",
        "login_before_ready": True,
        "startup_script": "make",
    }
    agent = schema.from_python(schema.Agent, old).value
    assert (agent.logs_length, agent.logs_overflowed, agent.subsystems) == (12, True, ("envbox",))
    assert agent.login_before_ready is True
    assert agent.display_apps is None
    assert not agent.knows("scripts")
    assert schema.from_python(schema.Agent, {"scripts": None}).value.knows("scripts")
    locked = schema.from_python(schema.Workspace, {"locked_at": "2023-05-01T00:00:00Z"}).value
    assert locked.dormant_at == datetime(2023, 5, 1, tzinfo=UTC)
    assert locked.is_prebuild is None


def test_lists_and_maps_of_nothing() -> None:
    assert schema.decode_list(schema.Preset, "null").value == ()
    found = schema.decode(schema.ContainersResponse, '{"devcontainers":null,"containers":[{"labels":null}]}')
    assert found.value.devcontainers == ()
    assert found.value.containers[0].labels == {}


def test_presets_have_capital_keys() -> None:
    (preset,) = schema.decode_list(
        schema.Preset, '[{"ID":"p","Name":"n","DesiredPrebuildInstances":null}]'
    ).value
    assert (preset.id, preset.name, preset.desired_prebuild_instances) == ("p", "n", None)


def test_models_are_frozen() -> None:
    agent = schema.Agent(name="main")
    with pytest.raises(ValueError, match="frozen"):
        agent.name = "other"  # type: ignore[misc]


def test_an_unknown_word_stays_as_it_came() -> None:
    assert schema.from_python(schema.Agent, {"status": "dreaming"}).value.status == "dreaming"
