"""Hostile text in every field of the schema: none of it reaches the model.

The strategy is derived from the pydantic models themselves, so a field added tomorrow is attacked tomorrow.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdash.api import schema
from agentdash.state import convert, model

HOSTILE = (
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\x90tmux;\x1b\\",
    "\u202egnp.exe",
    "a\u200bb\u2066c\u2069",
    "\r\nINJECTED",
    "\x00\x08\x7f",
    "\ud800",
    "z\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
    "\U000e0041\ufeff\u2028\u2029",
    "[bold]markup[/bold] [/]",
    "x" * 20_000,
    "",
)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=40)
BLOCKS = {(model.Job, "error"), (model.Devcontainer, "error")}
"""Fields that may hold several lines."""


def strategy_of(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy for a field's annotation, with hostile text wherever there is text."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return strategy_of(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        return st.one_of([strategy_of(arg) for arg in typing.get_args(kind)])
    if origin is tuple:
        return st.lists(strategy_of(typing.get_args(kind)[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXTS, strategy_of(typing.get_args(kind)[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, schema.Wire):
        return wire_objects(kind)
    return PLAIN[kind]


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**63), 2**63),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
}


def wire_objects(kind: type[schema.Wire]) -> st.SearchStrategy[Any]:
    """Objects of a schema model, validated by nothing: worse than any server can send."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {name: st.deferred(lambda h=hints[name]: strategy_of(h)) for name in kind.model_fields}
    return st.fixed_dictionaries(fields).map(lambda values: kind.model_construct(**values))


def texts_of(value: Any, where: tuple[Any, str] = (None, "")) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Every string in a model value, with the field it stands in."""
    if isinstance(value, str):
        yield value, where
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from texts_of(getattr(value, field.name), (type(value), field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_of(key, where)
            yield from texts_of(item, where)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from texts_of(item, where)


def assert_harmless(value: Any) -> None:
    for text, where in texts_of(value):
        allowed = "\n" if where in BLOCKS else ""
        bad = [c for c in text if (ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F) and c not in allowed]
        bad += [
            c for c in text if c in "\u200b\u200e\u200f\u061c\ufeff\u2028\u2029" or "\u202a" <= c <= "\u202e"
        ]
        bad += [c for c in text if "\u2066" <= c <= "\u2069" or "\ud800" <= c <= "\udfff"]
        assert not bad, (where, bad)
        assert len(text) <= 20_000, where


CONVERSIONS: dict[type[schema.Wire], Any] = {
    schema.Workspace: convert.workspace,
    schema.Agent: lambda raw: convert.agent(raw, "w1", "parent"),
    schema.Build: convert.build,
    schema.AgentLog: convert.log_line,
    schema.BuildLog: convert.build_log_line,
    schema.ListeningPorts: convert.ports,
    schema.PortShares: convert.shares,
    schema.ContainersResponse: convert.containers,
    schema.ConnectionInfo: convert.connection,
    schema.BuildTimings: lambda raw: convert.timings(raw, "b1"),
    schema.User: convert.user,
    schema.Entitlements: convert.features,
}


@pytest.mark.parametrize("kind", CONVERSIONS, ids=lambda kind: kind.__name__)
def test_no_hostile_text_reaches_the_model(kind: type[schema.Wire]) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(wire_objects(kind))
    def check(raw: schema.Wire) -> None:
        assert_harmless(CONVERSIONS[kind](raw))

    check()


def test_agent_keys_stay_unique_under_names_that_collide() -> None:
    agents = [
        schema.Agent(id=str(i), name=name, parent_id=parent)
        for i, (name, parent) in enumerate([("a", None), ("a", None), ("a", "0"), ("a", "0"), ("0/a", None)])
    ]
    raw = schema.Workspace(
        id="w", latest_build=schema.Build(resources=(schema.Resource(agents=tuple(agents)),))
    )
    keys = [agent.key for agent in convert.workspace(raw).agents]
    assert len(keys) == len(set(keys)) == 5


def test_sensitive_resource_values_are_not_kept() -> None:
    raw = schema.ResourceMetadata(key="password", value="hunter2", sensitive=True)
    build = convert.build(schema.Build(resources=(schema.Resource(metadata=(raw,)),)))
    assert "hunter2" not in repr(build)
    assert build.resources[0].metadata[0].sensitive
