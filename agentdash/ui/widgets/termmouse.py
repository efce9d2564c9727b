"""The mouse in a terminal: to the program when it asks for it, else it scrolls and chooses text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.geometry import Offset

from agentdash.term.mouse import Mouse, encode_mouse, encode_wheel_as_keys
from agentdash.ui.widgets.termselect import TermSelection

if TYPE_CHECKING:
    from agentdash.ui.widgets.termview import TermView

WHEEL_LINES = 3


class TermMouse:
    """Part of `TermView`."""

    _button = 0
    """The button that the program was told is down."""
    _is_dragging = False

    def _view(self) -> TermView:
        return self  # type: ignore[return-value]  # there is no other

    def _to_program(self, what: Mouse, event: events.MouseEvent, button: int) -> bool:
        view = self._view()
        emulator = view.emulator
        if emulator is None or not view.is_typing:
            return False
        spot: Offset = event.get_content_offset_capture(view)
        text = encode_mouse(
            what,
            spot.x,
            spot.y,
            emulator.modes,
            button=button,
            shift=event.shift,
            alt=event.meta,
            ctrl=event.ctrl,
        )
        if text is None:
            return False
        event.stop()
        event.prevent_default()
        view.send(text)
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press: for the program, or the begin of a choice."""
        view = self._view()
        if self._to_program(Mouse.PRESS, event, event.button):
            self._button = event.button
            view.capture_mouse()
        elif event.button == 1 and view.lines is not None:
            view.end_choice()
            view.selection = TermSelection(view.lines, self._place(event))
            self._is_dragging = True
            view.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Release."""
        view = self._view()
        if self._button:
            self._to_program(Mouse.RELEASE, event, self._button)
            self._button = 0
            view.release_mouse()
        elif self._is_dragging:
            self._is_dragging = False
            view.release_mouse()
            if not self._tell_chosen():
                view.selection = None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move or drag; beyond the edge the scrollback comes into sight."""
        view = self._view()
        if not self._is_dragging:
            self._to_program(Mouse.MOVE, event, self._button)
            return
        if view.selection is None:
            return
        y = event.get_content_offset_capture(view).y
        if y < 0:
            view.scroll_back_to(view.back + 1)
        elif y >= view.size.height:
            view.scroll_back_to(view.back - 1)
        view.selection.cursor = self._place(event)
        view.choice_changed()

    def on_click(self, event: events.Click) -> None:
        """Twice chooses a word, three times a line."""
        view = self._view()
        if event.button != 1 or event.chain < 2 or view.lines is None or self._button:
            return
        if view.is_typing and view.emulator is not None and view.emulator.modes.mouse:
            return
        view.selection = TermSelection(view.lines, self._place(event))
        if event.chain == 2:
            view.selection.choose_word()
        else:
            view.selection.choose_line()
        view.choice_changed()
        self._tell_chosen()

    def _tell_chosen(self) -> bool:
        view = self._view()
        text = view.chosen_text()
        if text.strip():
            view.post_message(view.Chosen(text))
        return bool(text.strip())

    def _place(self, event: events.MouseEvent) -> tuple[int, int]:
        view = self._view()
        spot = event.get_content_offset_capture(view)
        y = max(0, min(spot.y, view.size.height - 1))
        return view.line_at(y), max(0, min(spot.x, view.size.width - 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel towards the past."""
        self._wheel(Mouse.WHEEL_UP, event, WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel towards the present."""
        self._wheel(Mouse.WHEEL_DOWN, event, -WHEEL_LINES)

    def _wheel(self, what: Mouse, event: events.MouseEvent, lines: int) -> None:
        event.stop()
        view = self._view()
        emulator = view.emulator
        if emulator is None or self._to_program(what, event, 0):
            return
        keys = encode_wheel_as_keys(what, emulator.modes) if view.is_typing else None
        if keys:
            view.send(keys)
        else:
            view.scroll_back_to(view.back + lines)
