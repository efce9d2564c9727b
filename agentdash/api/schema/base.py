"""The tolerant ground all answers stand on.

A server of any age may leave a field out, send ``null``, or send something new; none of that may cost more
than that field. So each field's type carries a `Lenient`: an invalid value becomes the field's empty value
and leaves a note (contract: README §6). The check of valid values stays inside pydantic's compiled core:
Python runs only for what is wrong, which keeps a page of 100 workspaces at about the price of strict
models.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticOmit, core_schema

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

ZERO_ID: Final = "00000000-0000-0000-0000-000000000000"
"""What a server writes for "none" in id fields that cannot be null (contract: README §6)."""

MAX_NOTES: Final = 50

_OMIT: Final = object()


@dataclass(frozen=True, slots=True)
class Note:
    """One value that was not what the contract says; the field kept its empty value.

    Holds no part of the value: it may be a secret.
    """

    field: str
    kind: str


class Lenient:
    """Field annotation: an invalid value becomes `empty` instead of an error.

    Args:
        empty: what an invalid value becomes; left out, the item leaves its list or map.
        rescue: turns a known odd form into the value; raises ValueError, TypeError or OverflowError when it
            cannot.
        make: makes the empty value, where it is an object of its own.
    """

    def __init__(
        self,
        empty: object = _OMIT,
        rescue: Callable[[object], object] | None = None,
        make: Callable[[], object] | None = None,
    ) -> None:
        self.empty = empty
        self.rescue = rescue
        self.make = make

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        fallback = core_schema.with_info_plain_validator_function(self._fall_back)
        return core_schema.union_schema([handler(source), fallback], mode="left_to_right")

    def _fall_back(self, value: object, info: ValidationInfo) -> object:
        if value is not None:
            if self.rescue is not None:
                try:
                    return self.rescue(value)
                except (ValueError, TypeError, OverflowError):
                    pass
            notes = info.context
            if isinstance(notes, list) and len(notes) < MAX_NOTES:
                notes.append(Note(info.field_name or "", type(value).__name__))
        if self.make is not None:
            return self.make()
        if self.empty is _OMIT:
            raise PydanticOmit
        return self.empty


def _whole(value: object) -> int:
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, float):
        return int(value)
    raise TypeError


def _utc(value: datetime) -> datetime | None:
    if value.year <= 1:
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None


def _id(value: object) -> str:
    # The published reference shows nullable ids as {"uuid", "valid"}; no server is known to send it.
    if isinstance(value, dict) and value.get("valid") and isinstance(value.get("uuid"), str):
        return str(value["uuid"])
    raise TypeError


def _one(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    raise TypeError


class _AsUtc:
    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_utc, handler(source))


Str: TypeAlias = Annotated[str, Lenient("")]
"""A string, `""` when missing. Enumerations are strings too: a value newer than this program stays as it
came."""
Id: TypeAlias = Annotated[str, Lenient("")]
NullableId: TypeAlias = Annotated[str | None, Lenient(None, _id)]
NullableStr: TypeAlias = Annotated[str | None, Lenient(None)]
Int: TypeAlias = Annotated[int, Lenient(0, _whole)]
NullableInt: TypeAlias = Annotated[int | None, Lenient(None, _whole)]
Float: TypeAlias = Annotated[float, Lenient(0.0)]
NullableFloat: TypeAlias = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, Lenient(None)]
"""A finite number. JSON knows no other, but `1e999` is one and reads as infinite."""
Bool: TypeAlias = Annotated[bool, Lenient(False)]
NullableBool: TypeAlias = Annotated[bool | None, Lenient(None)]
Yes: TypeAlias = Annotated[bool, Lenient(True)]
"""A boolean that is true when missing."""
Level: TypeAlias = Annotated[str, Lenient("info")]
"""A log level; absent on old lines, which then are `info` (contract: agents.md §3.2)."""
Timestamp: TypeAlias = Annotated[Annotated[datetime, _AsUtc()] | None, Lenient(None)]
"""Aware UTC, microseconds; absent, null, Go's zero time and garbage are all None (contract: README §6)."""
Items: TypeAlias = Annotated[tuple[Annotated[T, Lenient()], ...], Lenient(())]
"""A list of objects or strings: null and absent are `()`, an item that cannot be read is left out."""
NullableItems: TypeAlias = Annotated[tuple[Annotated[T, Lenient()], ...] | None, Lenient(None)]
WordOrWords: TypeAlias = Annotated[tuple[Annotated[str, Lenient()], ...], Lenient((), _one)]
"""A list of strings that was a single string once."""
Strings: TypeAlias = Annotated[dict[str, Annotated[str, Lenient()]], Lenient(make=dict)]
Table: TypeAlias = Annotated[dict[str, Annotated[T, Lenient()]], Lenient(make=dict)]
Maybe: TypeAlias = Annotated[T | None, Lenient(None)]
"""An object that may be missing."""


class Wire(BaseModel):
    """Base of everything a server sends: frozen, unknown keys ignored, no value in an error text."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        defer_build=True,
        protected_namespaces=(),
    )

    def knows(self, field: str) -> bool:
        """Whether the server sent this field at all: an old one leaves out what it does not know."""
        return field in self.model_fields_set


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    value: T
    notes: tuple[Note, ...]


class NotDecodable(ValueError):  # noqa: N818 - named by what happened
    """The text is no JSON, or its outermost value is not of the kind asked for. Holds nothing of the text."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def decode(kind: type[M], raw: bytes | str) -> Decoded[M]:
    """Read one object from JSON text.

    Raises:
        NotDecodable: no JSON, or not an object.
    """
    decoded: Decoded[M] = from_json(kind, raw)
    return decoded


def decode_list(kind: type[T], raw: bytes | str) -> Decoded[tuple[T, ...]]:
    """Read a list from JSON text; `null` is the empty list, items that cannot be read are left out.

    Raises:
        NotDecodable: no JSON, or neither a list nor null.
    """
    items: Any = tuple[Annotated[kind, Lenient()], ...] | None  # type: ignore[valid-type]
    found = from_json(items, raw)
    return Decoded(found.value or (), found.notes)


def from_json(kind: Any, raw: bytes | str) -> Decoded[Any]:
    """Read JSON text as any type made of this room's field types.

    Raises:
        NotDecodable: no JSON, or the outermost value is not of that kind.
    """
    adapter = _adapter(kind)
    notes: list[Note] = []
    try:
        return Decoded(adapter.validate_json(raw, context=notes), tuple(notes))
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid":
            raise NotDecodable("not the expected kind of JSON value") from None
    # A broken byte or a lone surrogate in one string must not cost the whole page.
    notes.clear()
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise NotDecodable("not JSON") from None
    return from_python(kind, value)


def from_python(kind: Any, value: object) -> Decoded[Any]:
    """Read an already parsed JSON value (a frame's `data`, a nested document).

    Raises:
        NotDecodable: the outermost value is not of that kind.
    """
    notes: list[Note] = []
    try:
        return Decoded(_adapter(kind).validate_python(value, context=notes), tuple(notes))
    except ValidationError:
        raise NotDecodable("not the expected kind of JSON value") from None
