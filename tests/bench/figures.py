"""Figures of a bench, printed: medians with their spread, ratios made round by round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def short(value: float) -> str:
    """A number with about three digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def median_of(values: Sequence[float]) -> str:
    """Median and range, `12.0 [11.5-14.2]`."""
    if not values:
        return "-"
    if len(values) == 1:
        return short(values[0])
    return f"{short(statistics.median(values))} [{short(min(values))}-{short(max(values))}]"


def percentiles(values: Sequence[float]) -> str:
    """Median, 95th percentile and worst."""
    if not values:
        return "-"
    p95 = percentile(values, 0.95)
    return f"p50 {short(statistics.median(values))}  p95 {short(p95)}  max {short(max(values))}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ratio(values: Sequence[float], base: Sequence[float]) -> str:
    """Median of the ratios of rounds that belong together, `1.35x`."""
    pairs = [value / other for value, other in zip(values, base, strict=False) if other]
    return f"{statistics.median(pairs):.2f}x" if pairs else "-"


def say(label: str, figure: str, more: str = "") -> None:
    """One line of the table."""
    print(f"  {label:<46} {figure:<30} {more}".rstrip(), flush=True)
