from __future__ import annotations

from itertools import combinations

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from agentdash.present.cells import Tone
from agentdash.ui import themes
from agentdash.ui.widgets.colours import HUE_ANGLES, MIN_CONTRAST, contrast, hues, legible, luminance
from agentdash.ui.widgets.grid import Grid
from agentdash.ui.widgets.painting import Ground

READABLE = [theme for theme in (*themes.OWN, *map(themes.tuned, BUILTIN_THEMES.values())) if not theme.ansi]


def variables(theme: Theme) -> dict[str, Color]:
    given = theme.to_color_system().generate() | theme.variables
    background = Color.parse(given["background"])
    return {name: background + Color.parse(given[name]) for name in (*themes.TEXTS, *themes.GROUNDS)}


@pytest.mark.parametrize("theme", READABLE, ids=lambda theme: theme.name)
def test_every_text_is_readable_on_every_ground(theme: Theme) -> None:
    colors = variables(theme)
    poor = {
        (text, ground): round(contrast(colors[text], colors[ground]), 2)
        for text in themes.TEXTS
        for ground in themes.GROUNDS
        if contrast(colors[text], colors[ground]) < MIN_CONTRAST
    }
    assert not poor


class Host(App[None]):
    """A grid under any theme."""

    def compose(self) -> ComposeResult:
        yield Grid()


async def test_what_lines_are_painted_with_is_readable_in_all_themes() -> None:
    app = Host()
    async with app.run_test() as pilot:
        for name in themes.names():
            themes.use(app, name)
            await pilot.pause()
            palette = app.query_one(Grid).palette
            for tone in Tone:
                for ground in Ground:
                    style = palette.style(tone, ground)
                    assert style.color is not None
                    assert style.bgcolor is not None
                    if app.current_theme.ansi:
                        assert not style.color.is_default or tone in (Tone.PLAIN, Tone.DIM, Tone.BRIGHT)
                        continue
                    ratio = contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))
                    assert ratio >= MIN_CONTRAST - 0.05, (name, tone, ground)


async def test_the_terminal_theme_leaves_colours_and_background_to_the_terminal() -> None:
    app = Host()
    async with app.run_test() as pilot:
        themes.use(app, themes.TERMINAL)
        await pilot.pause()
        palette = app.query_one(Grid).palette
        broken = palette.style(Tone.BROKEN)
        assert broken.color is not None
        assert broken.color.name == "color(1)"
        assert broken.bgcolor is not None
        assert broken.bgcolor.is_default
        assert palette.style(Tone.DIM).dim
        assert palette.style(Tone.PLAIN, Ground.CURSOR).reverse


@pytest.mark.parametrize("theme", READABLE, ids=lambda theme: theme.name)
def test_log_sources_are_readable_equally_light_and_neither_red_nor_yellow(theme: Theme) -> None:
    background = variables(theme)["background"]
    colors = hues(background)
    assert len(set(colors)) == len(HUE_ANGLES)
    assert all(contrast(color, background) >= MIN_CONTRAST for color in colors)
    lights = [luminance(color) for color in colors]
    assert max(lights) / min(lights) < 1.35
    for color in colors:
        assert not (color.r > 1.25 * max(color.g, color.b)), "red"
        assert not (min(color.r, color.g) > 1.25 * color.b), "yellow"


# Machado, Oliveira and Fernandes 2009, full severity.
PROTAN = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
DEUTAN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))


@pytest.mark.parametrize("matrix", [PROTAN, DEUTAN], ids=["protan", "deutan"])
@pytest.mark.parametrize("name", [themes.COLOUR_BLIND_DARK, themes.COLOUR_BLIND_LIGHT])
def test_the_colour_blind_pair_keeps_meanings_apart(
    name: str, matrix: tuple[tuple[float, float, float], ...]
) -> None:
    colors = variables(next(theme for theme in themes.OWN if theme.name == name))

    def seen(color: Color) -> tuple[float, ...]:
        linear = [((c / 255 + 0.055) / 1.055) ** 2.4 for c in (color.r, color.g, color.b)]
        mixed = [max(0.0, sum(a * b for a, b in zip(row, linear, strict=True))) for row in matrix]
        return tuple(255 * (1.055 * value ** (1 / 2.4) - 0.055) for value in mixed)

    for one, other in combinations(("text-error", "text-warning", "text-success", "text-accent"), 2):
        apart = sum((a - b) ** 2 for a, b in zip(seen(colors[one]), seen(colors[other]), strict=True)) ** 0.5
        assert apart > 40, (one, other, apart)


def test_legible_moves_no_further_than_needed() -> None:
    night = Color(20, 22, 26)
    assert legible(Color(255, 255, 255), night) == Color(255, 255, 255)
    moved = legible(Color(0, 0, 120), night)
    assert MIN_CONTRAST <= contrast(moved, night) < MIN_CONTRAST + 0.2
    assert moved.b > moved.r


def test_themes_are_known_by_name() -> None:
    app = Host()
    assert themes.names()[0] == themes.DARK
    themes.use(app, "nord")
    assert app.theme == "nord"
    assert set(themes.names()) == set(app.available_themes)
    assert themes.unknown("nord") == ""
    assert themes.unknown("agentdahs") == "there is no theme 'agentdahs'; did you mean agentdash?"
    assert themes.unknown("") == "there is no theme ''"
