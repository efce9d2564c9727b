"""What is on the screen of a running app, as text, and what was sent to get it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.widget import Widget


def screen_lines(app: App[Any]) -> list[str]:
    """The screen as lines of text, trailing blanks removed."""
    strips = app.screen._compositor.render_strips(app.size)
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def screen_text(app: App[Any]) -> str:
    """The screen as one text."""
    return "\n".join(screen_lines(app))


def widget_lines(widget: Widget) -> list[str]:
    """The part of the screen that a widget covers, borders included, trailing blanks removed."""
    region = widget.region
    strips = widget.app.screen._compositor.render_strips(widget.app.size)
    return [
        "".join(segment.text for segment in strip.crop(region.x, region.right)).rstrip()
        for strip in strips[region.y : region.bottom]
    ]


def style_at(app: App[Any], text: str) -> Style:
    """The style of the first place on the screen where a text begins."""
    for strip in app.screen._compositor.render_strips(app.size):
        line = "".join(segment.text for segment in strip)
        at = line.find(text)
        if at < 0:
            continue
        for segment in strip:
            if at < len(segment.text):
                return segment.style or Style()
            at -= len(segment.text)
    raise AssertionError(f"{text!r} is not on the screen:\n{screen_text(app)}")


@dataclass
class Paint:
    """What was sent to the terminal while it was watched.

    Attributes:
        updates: How many times the screen was written.
        sent: All that was written, as the terminal would get it.
        lines: Lines of the watched widget that were drawn, in order.
    """

    updates: int = 0
    sent: str = ""
    lines: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return len(self.sent.encode())


@contextmanager
def painting(app: App[Any], widget: Widget | None = None) -> Iterator[Paint]:
    """Watch what a running app writes, and which lines a widget draws."""
    paint = Paint()
    display = app._display

    def watched_display(screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate) and screen is app.screen:
            paint.updates += 1
            paint.sent += renderable.render_segments(app.console)
        display(screen, renderable)

    app._display = watched_display  # type: ignore[method-assign]
    if widget is not None:
        render_line = widget.render_line

        def watched_render_line(y: int) -> Any:
            paint.lines.append(y)
            return render_line(y)

        widget.render_line = watched_render_line  # type: ignore[method-assign]
    try:
        yield paint
    finally:
        app._display = display  # type: ignore[method-assign]
        if widget is not None:
            del widget.render_line
