"""The part of the program that is typed at: which place a key goes to, and what it is there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import App
from textual.widgets import Input

from agentdash.actions.action import Action
from agentdash.ui.keygate import KeyGate, TakesKeys, Typed, is_cursor_key, is_letter_in_line
from agentdash.ui.keyparse import as_textual_has_it, is_other_for_textual
from agentdash.ui.keysfirst import KeysFirst
from agentdash.ui.screens.view import View

if TYPE_CHECKING:
    from agentdash.ui.context import Context


class TypedApp(App[int], inherit_bindings=False):
    """Keys and pastes on their way to the focus, and actions for the keys that nothing takes."""

    context: Context
    """State, settings, keys and signs; there once the first frame is painted."""

    def __init__(self) -> None:
        super().__init__()
        self._keys_first = KeysFirst()
        self._gate = KeyGate(self, self._hand_on, self._stays)

    @abstractmethod
    def act(self, action: Action) -> None:
        """Carry out an action where the focus is."""

    def input_came(self) -> None:
        """Called by the driver, in its thread, for whatever is typed or clicked."""
        self._keys_first.came()

    async def on_event(self, event: events.Event) -> None:
        """What is typed waits until what was typed before has moved the focus."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            if self._gate.holds(event):
                return
            if isinstance(event, events.Key) and self._is_for_shell(event):
                return
            await self._hand_on(event)
        else:
            await super().on_event(event)

    async def _hand_on(self, event: Typed) -> None:
        """Give a key or a paste to the focus, as what it is in the place that has the focus."""
        given: Sequence[Typed] = (event,)
        if isinstance(event, events.Paste):
            if not isinstance(self.focused, TakesKeys):
                given = (events.Paste(harmless(event.text)),)
        elif is_other_for_textual(event) and not self._keeps_name(event):
            given = as_textual_has_it(event)
        for one in given:
            await super().on_event(one)

    def _keeps_name(self, key: events.Key) -> bool:
        """Whether a key is here what it is in a shell, which takes all as they come; or it was chosen for an action."""
        screen = self.screen
        if not isinstance(screen, View):
            return False
        scope = screen.scope_of(self.focused)
        return scope == "shell" or self._action_of(scope, key) is not None

    def _is_for_shell(self, key: events.Key) -> bool:
        """Whether a shell took a key at once: behind a flood each message more is a piece of output later."""
        focused: object = self.focused
        return isinstance(focused, TakesKeys) and self._stays(key) and focused.take_key(key)

    def _stays(self, key: events.Key) -> bool:
        """Whether a key cannot move the focus: a letter of a line, what a shell takes, a step of the cursor."""
        screen, focused = self.screen, self.focused
        if not isinstance(screen, View) or isinstance(focused, Input):
            return is_letter_in_line(self, key)
        scope = screen.scope_of(focused)
        if self._action_of(scope, key) is not None:
            return False
        return scope == "shell" or is_cursor_key(focused, key.key)

    def _action_of(self, scope: str, key: events.Key) -> Action | None:
        found = self.context.keys.find(scope, key.key)
        if found is None and key.character and key.character != key.key:
            found = self.context.keys.find(scope, key.character)
        return found

    async def on_key(self, event: events.Key) -> None:
        """What no widget took becomes an action of the place that has the focus."""
        screen = self.screen
        if not isinstance(screen, View) or isinstance(self.focused, Input):
            return  # a dialog or an input line has keys of its own, which Textual looks up after this
        action = self._action_of(screen.scope_of(self.focused), event)
        if action is not None:
            event.stop()
            event.prevent_default()
            self.act(action)
        elif event.key == "ctrl+c":
            screen.say("q quits; in a terminal ctrl+c goes to the program")


def harmless(text: str) -> str:
    """What a line of input takes of a pasted text: one line, without what would steer the terminal."""
    from agentdash.text.sgr import parse  # noqa: PLC0415 - not before the first paint

    lines = text.splitlines()
    return parse(lines[0]).text if lines else ""
