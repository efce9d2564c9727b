"""Themes: our own, one for the sixteen colours of the user's terminal, a colour-blind pair, and Textual's, made legible.

One colour has one meaning (ui.md, Look), so widgets use these variables and nothing else: `$foreground` plain, `$text-muted`
dim, `$text` bright, `$text-error` broken, `$text-warning` under way, `$text-success` newly well, `$text-accent` accent;
`$border` and `$border-blurred` for frames; `$primary-muted` under the selected row. Every text is readable on every ground
it can stand on: at least 4.5:1, tested for all themes that do not leave the colours to the terminal.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from textual.app import App
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from agentdash.ui.widgets.colours import MIN_CONTRAST, legible

DARK = "agentdash"
LIGHT = "agentdash-light"
TERMINAL = "terminal"
COLOUR_BLIND_DARK = "colour-blind"
COLOUR_BLIND_LIGHT = "colour-blind-light"

TEXTS = (
    "foreground",
    "text-muted",
    "text-error",
    "text-warning",
    "text-success",
    "text-accent",
    "text-primary",
)
"""Variables that colour text."""
GROUNDS = ("background", "surface", "panel", "primary-muted")
"""Variables that lie under text."""


def _theme(
    name: str, *, dark: bool, grounds: tuple[str, str, str], texts: dict[str, str], tint: str, frame: str
) -> Theme:
    background, surface, panel = grounds
    return Theme(
        name=name,
        dark=dark,
        background=background,
        surface=surface,
        panel=panel,
        foreground=texts["plain"],
        primary=texts["accent"],
        secondary=texts["dim"],
        accent=texts["accent"],
        error=texts["broken"],
        warning=texts["warn"],
        success=texts["well"],
        variables={
            "text-muted": texts["dim"],
            "text-error": texts["broken"],
            "text-warning": texts["warn"],
            "text-success": texts["well"],
            "text-accent": texts["accent"],
            "text-primary": texts["accent"],
            "primary-muted": tint,
            "secondary-muted": tint,
            "border": texts["accent"],
            "border-blurred": frame,
            "block-cursor-background": tint,
            "block-cursor-foreground": texts["plain"],
            "block-cursor-text-style": "none",
            "block-cursor-blurred-background": panel,
            "block-cursor-blurred-foreground": texts["plain"],
            "input-selection-background": tint,
            "footer-background": background,
            "footer-key-foreground": texts["accent"],
            "scrollbar": frame,
            "scrollbar-background": background,
        },
    )


_DARK_GROUNDS = ("#14161a", "#1b1e23", "#22262c")
_LIGHT_GROUNDS = ("#fafaf8", "#f1f1ee", "#e8e8e4")

OWN: tuple[Theme, ...] = (
    _theme(
        DARK,
        dark=True,
        grounds=_DARK_GROUNDS,
        tint="#26333f",
        frame="#3b424b",
        texts={
            "plain": "#c9cdd3",
            "dim": "#949ba5",
            "broken": "#ff867f",
            "warn": "#e3b75c",
            "well": "#84c98b",
            "accent": "#82b6e4",
        },
    ),
    _theme(
        LIGHT,
        dark=False,
        grounds=_LIGHT_GROUNDS,
        tint="#d5e2ee",
        frame="#bcbdb8",
        texts={
            "plain": "#2e3338",
            "dim": "#5b6168",
            "broken": "#b3261e",
            "warn": "#7a5400",
            "well": "#1f6a33",
            "accent": "#1a5c94",
        },
    ),
    _theme(
        COLOUR_BLIND_DARK,
        dark=True,
        grounds=_DARK_GROUNDS,
        tint="#26333f",
        frame="#3b424b",
        texts={
            "plain": "#c9cdd3",
            "dim": "#949ba5",
            "broken": "#f0806f",
            "warn": "#f2eb6a",
            "well": "#80e0f6",
            "accent": "#c08cf9",
        },
    ),
    _theme(
        COLOUR_BLIND_LIGHT,
        dark=False,
        grounds=_LIGHT_GROUNDS,
        tint="#e2dcee",
        frame="#bcbdb8",
        texts={
            "plain": "#2e3338",
            "dim": "#5b6168",
            "broken": "#5a0d00",
            "warn": "#606218",
            "well": "#08306e",
            "accent": "#9709b5",
        },
    ),
    Theme(
        name=TERMINAL,
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_cyan",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            "ansi-background": "ansi_default",
            "ansi-foreground": "ansi_default",
            "text-muted": "ansi_default",
            "border": "ansi_cyan",
            "border-blurred": "ansi_bright_black",
            "block-cursor-background": "ansi_cyan",
            "block-cursor-foreground": "ansi_black",
            "footer-key-foreground": "ansi_cyan",
            "scrollbar": "ansi_bright_black",
            "scrollbar-background": "ansi_default",
        },
    ),
)
"""The themes that come with the program."""


def tuned(theme: Theme) -> Theme:
    """A theme of Textual's with every text readable on every ground, and frames that can be seen."""
    if theme.ansi:
        return theme
    given = theme.to_color_system().generate() | theme.variables
    background = Color.parse(given["background"])
    grounds = [background, *(background + Color.parse(given[name]) for name in GROUNDS[1:])]
    foreground = background + Color.parse(given["foreground"])
    wanted = {name: Color.parse(given[name]) for name in TEXTS if name != "text-muted"}
    wanted["text-muted"] = background.blend(foreground, 0.68, alpha=1.0)
    variables = dict(theme.variables)
    for name, color in wanted.items():
        variables[name] = _on_all(background + color, grounds).hex
    if "border-blurred" not in theme.variables:
        variables["border-blurred"] = background.blend(foreground, 0.25, alpha=1.0).hex
    for name, ground in zip(GROUNDS, grounds, strict=True):
        variables[name] = ground.hex
    return replace(theme, variables=variables)


def _on_all(color: Color, grounds: list[Color]) -> Color:
    """A colour readable on all grounds, which are all dark or all light; 2 % more for rounding."""
    for ground in grounds:
        color = legible(color, ground, MIN_CONTRAST * 1.02)
    return color


def names() -> tuple[str, ...]:
    """All themes, our own first."""
    return (*(theme.name for theme in OWN), *sorted(BUILTIN_THEMES))


def use(app: App[Any], name: str) -> None:
    """Show an app in a theme that exists. To tune all of Textual's costs a start 40 ms, so it is done for the one."""
    for theme in OWN:
        app.register_theme(theme)
    if name in BUILTIN_THEMES:
        app.register_theme(tuned(BUILTIN_THEMES[name]))
    app.theme = name


def unknown(name: str) -> str:
    """What to say of a name that is no theme's; empty for one that is."""
    if name in names():
        return ""
    near = get_close_matches(name.lower(), names(), 1)
    return f"there is no theme {name!r}" + (f"; did you mean {near[0]}?" if near else "")
