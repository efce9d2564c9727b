"""Arithmetic of colours: contrast, legible stand-ins, hues of equal lightness.

Contrast is WCAG 2's ratio, 1 to 21; lightness is that of OKLCH, in which equal numbers look equally light.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

from textual.color import Color

MIN_CONTRAST = 4.5
"""Least contrast of text against its background (ui.md, Themes)."""

HUE_ANGLES = (230.0, 310.0, 180.0, 270.0, 335.0, 205.0, 290.0, 155.0)
"""OKLCH angles of log sources: neighbours far apart, none near red (29) or yellow (95), which have a meaning."""

ANSI_HUES = (
    "ansi_cyan",
    "ansi_magenta",
    "ansi_blue",
    "ansi_bright_cyan",
    "ansi_bright_magenta",
    "ansi_bright_blue",
)
"""Stand-ins among the sixteen colours of the user's terminal."""


def luminance(color: Color) -> float:
    """Relative luminance, 0 to 1."""
    red, green, blue = (_linear(channel / 255) for channel in (color.r, color.g, color.b))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio of two opaque colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=4096)
def legible(color: Color, background: Color, ratio: float = MIN_CONTRAST) -> Color:
    """The colour, moved towards white or black only as far as its contrast needs."""
    if color.ansi is not None or background.ansi is not None or contrast(color, background) >= ratio:
        return color
    target = max((Color(255, 255, 255), Color(0, 0, 0)), key=lambda end: contrast(end, background))
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        if contrast(color.blend(target, middle, alpha=1.0), background) >= ratio:
            high = middle
        else:
            low = middle
    return color.blend(target, high, alpha=1.0)


@lru_cache(maxsize=64)
def hues(background: Color) -> tuple[Color, ...]:
    """Colours of log sources on a background: equally light, legible, never red or yellow."""
    if background.ansi is not None:
        return tuple(Color.parse(name) for name in ANSI_HUES)
    lightness = 0.76 if luminance(background) < 0.18 else 0.47
    return tuple(legible(_from_oklch(lightness, 0.095, angle), background) for angle in HUE_ANGLES)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _gamma(value: float) -> int:
    value = min(1.0, max(0.0, value))
    value = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(value * 255)


def _from_oklch(lightness: float, chroma: float, angle: float) -> Color:
    a, b = chroma * cos(radians(angle)), chroma * sin(radians(angle))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return Color(
        _gamma(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )
