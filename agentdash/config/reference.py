"""The settings described: made from the text under each field, for help, `doctor` and the docs.

Read from the source on demand. No start has to wait for it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields

from agentdash.config import settings
from agentdash.config.file import tables


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the configuration file."""

    key: str
    """Tables as `terminal.scrollback`."""
    kind: str
    """Its type as written in the source."""
    default: object
    text: str
    """What it means, in a sentence or two."""


def entries() -> tuple[Entry, ...]:
    """Describe every setting, tables resolved into their keys, in the order of the source."""
    return tuple(_entries(settings.Settings, ""))


def _entries(model: type, prefix: str) -> Iterator[Entry]:
    written = _fields(model)
    for info in fields(model):
        name = info.name
        table = None if prefix else tables().get(name)
        if table is not None:
            yield from _entries(table, f"{name}.")
            continue
        kind, text = written[name]
        default = info.default if info.default_factory is MISSING else info.default_factory()
        yield Entry(prefix + name, kind, default, text)


def _fields(model: type) -> dict[str, tuple[str, str]]:
    """Map the fields of a class to their written type and the string under them."""
    (node,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(node, ast.ClassDef)
    found: dict[str, tuple[str, str]] = {}
    for field, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = ""
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                text = inspect.cleandoc(str(below.value.value))
            found[field.target.id] = (ast.unparse(field.annotation), text)
    return found
