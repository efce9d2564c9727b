"""The signs that widgets draw by themselves, in two sets: Unicode and ASCII.

A widget is given its set from outside; it never asks the locale. Every sign is one cell wide.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """One set of signs."""

    cursor: str
    """Left of the selected row, so that the selection is seen without colour."""
    changed: str
    """A row that changed in the last seconds."""
    marked: str
    """A row that is marked."""
    ascending: str
    descending: str
    rule: str
    """Horizontal rule, repeated."""
    thumb: str
    """The part of the scroll bar that says where one is."""
    track: str
    """The rest of the scroll bar."""
    ellipsis: str
    more: str
    """Before a wrapped continuation line."""
    block: str
    """A bar, repeated."""
    tick: str
    """A mark on an axis of time."""
    separator: str
    """Between two things on one line."""


UNICODE = Signs(
    cursor="▌",
    changed="•",
    marked="✓",
    ascending="↑",
    descending="↓",
    rule="─",
    thumb="▐",
    track=" ",
    ellipsis="…",
    more="↳",
    block="█",
    tick="┆",
    separator="·",
)

ASCII = Signs(
    cursor=">",
    changed="*",
    marked="+",
    ascending="^",
    descending="v",
    rule="-",
    thumb="#",
    track=" ",
    ellipsis="~",
    more="\\",
    block="#",
    tick="|",
    separator="-",
)
