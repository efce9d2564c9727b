"""The palette: all actions that work here, searched by name; made from the registry."""

from __future__ import annotations

from collections.abc import Callable

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from agentdash.actions.action import Action, key_label

_HIDDEN = frozenset({"palette", "command-line"})


def palette(actions: list[Action], act: Callable[[Action], None]) -> CommandPalette:
    """A palette of these actions; the chosen one is carried out after it has closed."""
    offered = [a for a in actions if a.id not in _HIDDEN and not a.id.startswith("pane-")]

    class Actions(Provider):
        """Actions by title and help."""

        async def discover(self) -> Hits:
            """All of them."""
            for action in offered:
                yield DiscoveryHit(_title(action), _call(action), help=action.help)

        async def search(self, query: str) -> Hits:
            """Those that match."""
            matcher = self.matcher(query)
            for action in offered:
                text = f"{_title(action)} {action.help}"
                score = max(matcher.match(_title(action)), 0.5 * matcher.match(text))
                if score > 0:
                    yield Hit(score, matcher.highlight(_title(action)), _call(action), help=action.help)

    def _call(action: Action) -> Callable[[], None]:
        return lambda: act(action)

    return CommandPalette(providers=[Actions], placeholder="Search actions")


def _title(action: Action) -> str:
    title = action.title.rstrip("…").capitalize()
    return f"{title}  ({', '.join(key_label(k) for k in action.keys)})" if action.keys else title
