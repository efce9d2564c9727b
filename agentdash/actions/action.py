"""What an action is, where it applies, and how its keys are written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GLOBAL = "global"

PREBUILDS_SETTINGS = "prebuilds_settings"
"""The right to change settings of all prebuild pools at once: owners of the site have it."""

PARENTS: dict[str, str | None] = {
    GLOBAL: None,
    "fleet": GLOBAL,
    "prebuilds": GLOBAL,
    "triage": GLOBAL,
    "agent": GLOBAL,
    "shells": GLOBAL,
    "build": GLOBAL,
    "health": "agent",
    "scripts": "agent",
    "ports": "agent",
    "logs": "agent",
    "devcontainers": "agent",
    "terminal": "agent",
    "apps": "agent",
    "metadata": "agent",
    "network": "agent",
    # Keys typed into a shell: nothing but the way out is ours there.
    "shell": None,
    # Choosing text in a terminal: a letter too many must not quit or close anything.
    "choosing": None,
}
"""Every scope and the one around it: inside a pane its screen's keys and the global ones work too."""

_SPELLED = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "backslash": "\\",
    "colon": ":",
    "asterisk": "*",
    "question_mark": "?",
    "exclamation_mark": "!",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "full_stop": ".",
    "circumflex_accent": "^",
    "underscore": "_",
}
_MARKS = {mark: name for name, mark in _SPELLED.items()}


class Danger(StrEnum):
    """What an action may do to somebody's work."""

    NONE = "none"
    DISTURBS = "disturbs"
    """Ends running processes; can be begun again."""
    DESTROYS = "destroys"
    """Takes away what does not come back."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do.

    Attributes:
        id: Kebab-case name, for key maps and tests.
        title: A few words for footer, palette and help; ends with "…" when the action asks first.
        scopes: Where it applies; the first is its home in the help.
        keys: Default keys in Textual's spelling; none for actions of the palette only.
        danger: How much it may harm.
        right: Permission on the workspace it needs (contract: fleet.md §8, authcheck), None for reading.
        help: One sentence.
        show_in_footer: Whether the footer has room for it.
        order: Place in the footer of its scope, low first.
        writes: Whether it changes anything on the server, or opens a shell, which may: read-only mode takes it away.
        available: False for what is planned but not built: hidden everywhere.
    """

    id: str
    title: str
    scopes: tuple[str, ...]
    keys: tuple[str, ...]
    help: str
    danger: Danger = Danger.NONE
    right: str | None = None
    show_in_footer: bool = False
    order: int = 50
    writes: bool = False
    available: bool = True

    @property
    def scope(self) -> str:
        """Home scope."""
        return self.scopes[0]

    @property
    def is_shell(self) -> bool:
        """Whether it gives a shell to write with; it changes nothing by itself, and is about an agent."""
        return self.right == "ssh"

    @property
    def hits_deployment(self) -> bool:
        """Whether it is about the deployment as a whole, whatever is selected."""
        return self.right == PREBUILDS_SETTINGS

    @property
    def hits_workspace(self) -> bool:
        """Whether it is about a whole workspace, whichever of its agents was meant."""
        return self.writes and not self.is_shell and not self.hits_deployment


def scope_chain(scope: str) -> tuple[str, ...]:
    """A scope and all around it, innermost first."""
    chain: list[str] = []
    current: str | None = scope
    while current is not None:
        chain.append(current)
        current = PARENTS[current]
    return tuple(chain)


def key_label(key: str) -> str:
    """A key as a person reads it: `ctrl+right_square_bracket` → `ctrl+]`, `escape` → `esc`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    last = {"escape": "esc", "enter": "⏎"}.get(last, _SPELLED.get(last, last))
    return "+".join((*modifiers, last))


def key_name(key: str) -> str:
    """A key as a person writes it, in Textual's spelling: `ctrl+]` → `ctrl+right_square_bracket`, `esc` → `escape`.

    A lone printable character stays itself. Empty for what is no key at all.
    """
    key = key.strip()
    if len(key) <= 1:
        return key
    head, _, last = key.rpartition("+")
    if not last and head.endswith("+"):  # `ctrl++`
        head, last = head[:-1], "+"
    if not last or any(not part for part in head.split("+") if head):
        return ""
    last = {"esc": "escape", "return": "enter", "del": "delete", "⏎": "enter"}.get(last.lower(), last)
    if not head:
        return _SPELLED.get(last, last)
    last = _MARKS.get(last, last)
    # Keys with modifiers are lower case in Textual.
    return f"{head}+{last}".lower()
