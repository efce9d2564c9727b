"""Values of any kind become the fields of a settings table, or an error that names the key.

Written out here because every start waits for it before the first paint: pydantic's import and its models cost that
start 130 ms of processor, which the server's answers can wait for and the screen cannot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Table = TypeVar("Table")


class ValueFormError(ValueError):
    """A value cannot be used.

    Attributes:
        key: Where it stands, tables as `terminal.scrollback`.
        reason: What it should be, as a sentence without its full stop. Never the value, which may be a secret.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def limited(default: float, *, ge: float, le: float = math.inf) -> Any:
    """A field that holds a number from `ge` to `le`. Typed as `dataclasses.field` is: as whatever it stands for."""
    return field(default=default, metadata={"ge": ge, "le": le})


@cache
def kinds(table: type) -> Mapping[str, Any]:
    """The types of a table's fields, by name."""
    return get_type_hints(table)


def checked(table: type[Table], values: Mapping[str, object], at: str = "") -> Table:
    """Make a table of what was given for it; the rest has its default.

    Args:
        table: A dataclass.
        values: By field name.
        at: Where the table itself stands, with its full stop.

    Raises:
        ValueFormError: A value is of another kind or out of its limits, or the table has no such field.
    """
    known = {item.name: item for item in fields(table)}  # type: ignore[arg-type]  # no protocol for dataclasses
    hints: Mapping[str, Any] = kinds(table)  # type: ignore[arg-type]  # classes have a hash
    found: dict[str, object] = {}
    for name, value in values.items():
        if name not in known:
            raise ValueFormError(f"{at}{name}", "There is no such setting")
        found[name] = _value(hints[name], value, f"{at}{name}", known[name].metadata)
    return table(**found)


def _value(kind: Any, value: object, key: str, limits: Mapping[str, float]) -> object:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in get_args(kind):
            return None
        return _value(next(arg for arg in get_args(kind) if arg is not NoneType), value, key, limits)
    if origin is Literal:
        return _one_of(get_args(kind), value, key)
    if origin is tuple:
        return _words(value, key)
    if origin is dict:
        items = _mapping(value, key).items()
        return {str(name): _value(get_args(kind)[1], item, f"{key}.{name}", limits) for name, item in items}
    if is_dataclass(kind) and isinstance(kind, type):
        return value if isinstance(value, kind) else checked(kind, _mapping(value, key), f"{key}.")
    if kind in (int, float):
        return _number(kind, value, key, limits)
    return _plain(kind, value, key, limits)


def _plain(kind: Any, value: object, key: str, limits: Mapping[str, float]) -> object:
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueFormError(key, "It is true or false")
        return value
    if isinstance(value, kind) and kind is not str:
        return value
    if not isinstance(value, str):
        raise ValueFormError(key, "It is a text")
    if len(value) < limits.get("ge", 0):
        raise ValueFormError(key, "It is not empty")
    return kind(value)


def _number(kind: Any, value: object, key: str, limits: Mapping[str, float]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, kind)) or not math.isfinite(value):
        raise ValueFormError(key, "It is a whole number" if kind is int else "It is a number")
    low, high = limits.get("ge", -math.inf), limits.get("le", math.inf)
    if not low <= value <= high:
        to = "or more" if high == math.inf else f"to {high:,}"
        raise ValueFormError(key, f"It is {low:,} {to}")
    number: float = kind(value)
    return number


def _one_of(words: tuple[object, ...], value: object, key: str) -> object:
    if value not in words:
        raise ValueFormError(key, f"It is one of {', '.join(repr(word) for word in words)}")
    return value


def _words(value: object, key: str) -> tuple[str, ...]:
    """Take `"a, b"` for `["a", "b"]`; an empty string is none. A comma as a key is written `comma`."""
    if isinstance(value, str):
        return tuple(word for part in value.split(",") if (word := part.strip()))
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) for word in value):
        raise ValueFormError(key, "It is a text or a list of texts")
    return tuple(value)


def _mapping(value: object, key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueFormError(key, "It is a table")
    return value
