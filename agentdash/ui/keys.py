"""From a key to an action: the registry and the user's key map, by the place that has the focus.

Textual's own bindings serve only the cursor inside a widget; whatever a widget leaves alone arrives here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentdash.actions.action import Action, scope_chain
from agentdash.actions.keymap import apply_keymap
from agentdash.actions.registry import REGISTRY


class KeyTable:
    """All actions with the user's keys.

    Args:
        keymap: Action id → keys, as the settings have it.
        read_only: Leaves out what would change something.
        registry: The actions; the shipped ones unless a test says otherwise.
    """

    def __init__(
        self, keymap: Mapping[str, str], *, read_only: bool, registry: Iterable[Action] = REGISTRY
    ) -> None:
        actions, self.problems = apply_keymap(registry, keymap)
        self.read_only = read_only
        self.actions = tuple(a for a in actions if a.available and not (read_only and a.writes))
        self._by_id = {a.id: a for a in self.actions}
        self._by_scope: dict[str, dict[str, Action]] = {}
        for action in reversed(self.actions):  # the earlier action wins a clash
            for scope in action.scopes:
                table = self._by_scope.setdefault(scope, {})
                for key in action.keys:
                    table[key] = action

    def find(self, scope: str, key: str) -> Action | None:
        """The action of a key in a scope, or in one around it."""
        for ring in scope_chain(scope):
            action = self._by_scope.get(ring, {}).get(key)
            if action is not None:
                return action
        return None

    def get(self, action_id: str) -> Action | None:
        """An action by id, None if it is not offered (unknown, or gone in read-only mode)."""
        return self._by_id.get(action_id)

    def in_scope(self, scope: str) -> list[Action]:
        """What works in a scope, its own first."""
        return [action for _, actions in self.by_ring(scope) for action in actions]

    def by_ring(self, scope: str) -> list[tuple[str, list[Action]]]:
        """What works in a scope, by the place that it is the work of: its own, then those around it."""
        found: set[str] = set()
        rings = []
        for ring in scope_chain(scope):
            own = [a for a in self.actions if ring in a.scopes and a.id not in found]
            found.update(a.id for a in own)
            rings.append((ring, sorted(own, key=lambda a: a.order)))
        return rings

    def footer(self, scope: str) -> list[Action]:
        """What the footer names."""
        return [a for a in self.in_scope(scope) if a.show_in_footer and a.keys]
