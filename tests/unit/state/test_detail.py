"""Readings behind a sparkline: one per collection, bounded, only from values that hold a number."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from agentdash.state.detail import READINGS_KEPT, Reading, add_readings, leading_number
from agentdash.state.model import MetadataItem
from tests.unit.model_factory import NOW


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12%", 12.0),
        ("3.4/8 GiB", 3.4),
        ("load 0,42", 0.42),
        ("-5 °C", -5.0),
        ("idle", None),
        ("", None),
        ("1234", 1234.0),
    ],
)
def test_the_first_number_of_a_value(value: str, number: float | None) -> None:
    assert leading_number(value) == number


@given(st.text(max_size=200))
def test_any_value_has_a_number_or_none(value: str) -> None:
    number = leading_number(value)
    assert number is None or isinstance(number, float)


def item(value: str, age: int | None = 0, **fields: str) -> MetadataItem:
    return MetadataItem("cpu", "CPU", value, age_s=age, interval_s=10, **fields)


def test_the_same_collection_is_counted_once() -> None:
    readings: Map[str, tuple[Reading, ...]] = Map()
    readings = add_readings(readings, (item("10%", 0),), NOW)
    readings = add_readings(readings, (item("10%", 5),), NOW + timedelta(seconds=5))
    assert [r.value for r in readings["cpu"]] == [10.0]
    readings = add_readings(readings, (item("12%", 0),), NOW + timedelta(seconds=10))
    assert [r.value for r in readings["cpu"]] == [10.0, 12.0]


def test_errors_and_values_never_collected_leave_no_reading() -> None:
    found = add_readings(Map(), (item("10%", None), item("10%", 0, error="exit 1"), item("none", 0)), NOW)
    assert len(found) == 0


def test_only_the_last_readings_are_kept() -> None:
    readings: Map[str, tuple[Reading, ...]] = Map()
    for second in range(0, 1000, 10):
        readings = add_readings(readings, (item(f"{second}"),), NOW + timedelta(seconds=second))
    assert len(readings["cpu"]) == READINGS_KEPT
    assert readings["cpu"][-1].value == 990.0


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_any_age_that_conversion_lets_through_is_taken(age: int) -> None:
    add_readings(Map(), (item("1", age),), NOW)
