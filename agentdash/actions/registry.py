"""Every action, once. Keys, footer, help, palette, docs, read-only mode and confirmation follow from this table.

Keys that move a cursor belong to the widget that has the cursor (`CURSOR_KEYS`) and are no actions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agentdash.actions.action import (
    GLOBAL,
    PARENTS,
    PREBUILDS_SETTINGS,
    Action,
    Danger,
    key_label,
    key_name,
    scope_chain,
)

__all__ = [
    "CURSOR_KEYS",
    "GLOBAL",
    "PARENTS",
    "REGISTRY",
    "Action",
    "Danger",
    "action",
    "actions_for",
    "footer",
    "key_label",
    "key_name",
    "palette",
    "scope_chain",
]

CURSOR_KEYS = frozenset(
    [
        *("up", "down", "left", "right", "pageup", "pagedown", "home", "end"),
        *("j", "k", "h", "g", "G", "ctrl+u", "ctrl+d", "ctrl+home", "ctrl+end"),
    ]
)
"""Moved by the list or text widget itself, in every scope."""

_PANES = ("Health", "Scripts", "Ports", "Logs", "Devcontainers", "Terminal", "Apps", "Metadata", "Network")


def _see(
    action_id: str,
    title: str,
    scopes: str,
    keys: str,
    what: str,
    *,
    footer: bool = False,
    available: bool = True,
) -> Action:
    """An action that changes nothing on the server."""
    return Action(
        action_id,
        title,
        tuple(scopes.split()),
        tuple(keys.split()),
        what,
        show_in_footer=footer,
        available=available,
    )


def _do(
    action_id: str,
    title: str,
    scopes: str,
    keys: str,
    what: str,
    *,
    right: str,
    danger: Danger = Danger.NONE,
    footer: bool = False,
) -> Action:
    """An action that writes to the server, or gives a person a shell to write with."""
    return Action(
        action_id,
        title,
        tuple(scopes.split()),
        tuple(keys.split()),
        what,
        danger=danger,
        right=right,
        show_in_footer=footer,
        writes=True,
    )


# fmt: off
_TABLE: tuple[Action, ...] = (
    # Everywhere
    _see("view-fleet", "Fleet", "global", "F", "Show all agents, worst first."),
    _see("view-prebuilds", "Prebuilds", "global", "P", "Show why nobody can claim a prebuild."),
    _see("view-triage", "Triage", "global", "T", "Show what needs a person, by common cause."),
    _see("view-tail", "Tail", "global", "L", "Follow the logs of several agents at once.", available=False),
    _see("view-shells", "Shells", "global", "X", "Show the open terminals."),
    _see("help", "help", "global choosing", "?", "Show what every key does here.", footer=True),
    _see("command-line", "command", "global", ":", "Type a command by name.", footer=True),
    _see("palette", "palette", "global", "ctrl+p", "Search all actions by name."),
    _see("back", "back", "global", "escape", "Close what is on top, or leave to the view before."),
    _see("history-back", "history back", "global", "[", "Go to the place shown before."),
    _see("history-forward", "history forward", "global", "]", "Go forward to the place left by going back."),
    _see("refresh", "refresh", "global", "ctrl+r", "Read everything on screen now."),
    _see("notices", "notices", "global", "!", "Show what was done from here and how it ended."),
    _see("copy-locator", "copy name", "global", "Y", "Copy owner/workspace.agent of this thing."),
    _see("open-dashboard", "open in browser", "global", "", "Open this thing in the web dashboard."),
    _see("next-theme", "next theme", "global", "", "Use the next theme."),
    _see("quit", "quit", "global", "q ctrl+q", "Leave; asks first while terminals are open.", footer=True),
    # Fleet
    _see("filter", "filter", "fleet triage shells", "/", "Show only the rows that match.", footer=True),
    _see("clear-filter", "clear filter", "fleet triage", "", "Show all rows again."),
    _see("open", "open", "fleet triage prebuilds", "enter", "Open this agent, or what this is about.", footer=True),
    _do(
        "shell",
        "shell",
        "fleet health scripts ports terminal apps metadata network triage prebuilds",
        "s",
        "Open a terminal in this agent.",
        right="ssh",
        footer=True,
    ),
    _see("logs", "logs", "fleet triage prebuilds", "l", "Open this agent at its logs.", footer=True),
    _see("mark", "mark", "fleet", "space", "Mark the row: actions hit all marked ones.", footer=True),
    _see("mark-all", "mark all", "fleet", "*", "Mark all rows that are shown."),
    _see("clear-marks", "clear marks", "fleet", "u", "Unmark everything."),
    _see("sort-next", "sort by next column", "fleet", "o", "Sort by the next column."),
    _see("sort-reverse", "reverse sort", "fleet", "O", "Turn the order around."),
    _see("columns", "columns", "fleet", "w", "Choose the columns."),
    # Workspaces: on the row or inside the agent
    _do("restart", "restart…", "fleet agent triage prebuilds", "R", "Stop the workspace, then start it.",
        right="start", danger=Danger.DISTURBS, footer=True),
    _do("start", "start", "fleet agent triage prebuilds", "S", "Start the workspace.", right="start"),
    _do("stop", "stop…", "fleet agent triage prebuilds", "H", "Halt the workspace.", right="stop", danger=Danger.DISTURBS),
    _do("cancel-build", "cancel build…", "fleet agent triage prebuilds", "C", "Cancel the queued or running build.",
        right="update", danger=Danger.DISTURBS),
    _do("delete", "delete…", "fleet triage prebuilds", "D", "Delete the workspace and everything in it.",
        right="delete", danger=Danger.DESTROYS),
    _do("extend", "stay up 1 h longer", "fleet agent", "+", "Move the autostop one hour later.", right="update"),
    _do("favorite", "favourite", "fleet agent", "", "Make it a favourite of yours, or no longer.", right="update"),
    _see("build-log", "build log", "fleet agent triage prebuilds", "b", "Show the log of the workspace's latest build."),
    _see("copy-command", "copy command", "fleet health network triage prebuilds", "y",
         "Copy the coder command that enters it, or that a finding advises."),
    # Triage and prebuilds
    _see("unfold", "unfold", "triage", "space", "Show a group's findings one by one, or fold them.", footer=True),
    _see("show-in-fleet", "in fleet", "triage prebuilds", "i", "Show the fleet filtered to what this is about."),
    _see("explain", "explain", "triage prebuilds", "e", "Show the rule's page of the catalogue.", footer=True),
    _see("acknowledge", "acknowledge", "triage", "a",
         "Put it aside until it gets worse or comes anew; again takes that back.", footer=True),
    _see("snooze", "snooze", "triage", "z", "Put it aside for an hour; again for a day, then no longer.", footer=True),
    _see("show-aside", "put aside", "triage", "A", "Show what was put aside, too; again hides it."),
    _do("pause-prebuilds", "pause pools…", "prebuilds triage", "p", "Pause the reconciliation of all prebuild pools.",
        right=PREBUILDS_SETTINGS, danger=Danger.DISTURBS),
    _do("resume-prebuilds", "resume pools…", "prebuilds triage", "r", "Resume the reconciliation of prebuild pools.",
        right=PREBUILDS_SETTINGS, danger=Danger.DISTURBS),
    # Agent screen
    *(
        _see(f"pane-{number}", name, "agent", str(number), f"Go to the {name} pane.")
        for number, name in enumerate(_PANES, 1)
    ),
    _see("zoom", "zoom", "agent", "z", "Give the pane the whole screen, and back.", footer=True),
    _see("pane-next", "next pane", "agent triage prebuilds", "tab", "Go to the next pane."),
    _see("pane-previous", "previous pane", "agent triage prebuilds", "shift+tab", "Go to the pane before."),
    # Logs of agents and builds
    _see("log-follow", "follow", "logs build", "f", "Stay at the newest line.", footer=True),
    _see("log-find", "find", "logs build", "/", "Search the lines.", footer=True),
    _see("log-find-next", "next match", "logs build", "n", "Go to the next match."),
    _see("log-find-previous", "previous match", "logs build", "N", "Go to the match before."),
    _see("log-source", "source", "logs", "s", "Show the lines of the next source only.", footer=True),
    _see("log-source-all", "all sources", "logs", "a", "Show the lines of all sources."),
    _see("log-level", "level", "logs build", "v", "Hide the lines below the next level."),
    _see("log-next-error", "next error", "logs build", "e", "Go to the next line of level error.", footer=True),
    _see("log-previous-error", "previous error", "logs build", "E", "Go to the line of level error before."),
    _see("log-wrap", "wrap", "logs build", "w", "Wrap long lines, or cut them."),
    _see("log-times", "times", "logs build", "t", "Show clock times, ages or none."),
    _see("log-copy", "copy", "logs build", "y", "Copy the selected lines, or the one under the cursor."),
    _see("log-save", "save", "logs build", "ctrl+s", "Save the shown lines to a file."),
    # Panes
    _see("script-log", "its log", "scripts", "enter l", "Show the script's lines in the log.", footer=True),
    _see("script-copy", "copy", "scripts", "y", "Copy name and result of the script."),
    _see("port-copy", "copy address", "ports", "y enter", "Copy its address, or a port-forward command.", footer=True),
    _see("port-open", "open", "ports", "o", "Open the port in the browser."),
    _see("app-copy", "copy address", "apps", "y enter", "Copy the address of the app.", footer=True),
    _see("app-open", "open", "apps", "o", "Open the app in the browser."),
    _see("metadata-copy", "copy value", "metadata", "y enter", "Copy the whole value.", footer=True),
    _see("devcontainer-open", "open", "devcontainers", "enter", "Open the agent inside the devcontainer.", footer=True),
    _see("devcontainer-logs", "its log", "devcontainers", "l", "Show the devcontainer's lines in the log."),
    _do("devcontainer-shell", "shell", "devcontainers", "s", "Open a terminal inside the container.", right="ssh"),
    _do("devcontainer-recreate", "recreate…", "devcontainers", "c", "Build it anew; also starts a stopped one.",
        right="update", danger=Danger.DESTROYS, footer=True),
    _do("devcontainer-delete", "delete…", "devcontainers", "D", "Remove the container; its folder stays.",
        right="update", danger=Danger.DESTROYS),
    _see("network-measure", "measure", "network", "m", "Measure anew how far the relays are from here.", footer=True),
    _do("network-node", "ask for its node…", "network", "n",
        "Ask how the agent is connected: home relay, latencies, endpoints. Leaves an entry in the connection log.",
        right="ssh", footer=True),
    # Terminal: with the keys given back, and while typing into the shell
    _see("terminal-leave", "leave terminal", "shell", "ctrl+right_square_bracket",
         "Take the keys back; the shell goes on.", footer=True),
    _do("terminal-enter", "type here", "terminal", "enter", "Send every key to the shell.", right="ssh", footer=True),
    _do("terminal-new", "new shell", "terminal", "c", "Open another shell in this agent.", right="ssh"),
    _do("terminal-new-with", "new shell with…", "terminal", "o",
        "Open a shell with a command, in a container, as a user.", right="ssh"),
    _see("terminal-next", "next shell", "terminal", ">", "Show the agent's next shell."),
    _see("terminal-previous", "previous shell", "terminal", "<", "Show the agent's shell before."),
    _see("terminal-find", "find", "terminal choosing", "/", "Search the scrollback.", footer=True),
    _see("terminal-find-next", "next match", "terminal choosing", "n", "Go to the next match."),
    _see("terminal-find-previous", "previous match", "terminal choosing", "N", "Go to the match before."),
    _see("terminal-select", "select", "terminal", "v", "Choose text with the keyboard; the mouse does it too."),
    _see("terminal-copy", "copy", "terminal", "y", "Copy the selection, or the screen."),
    _see("terminal-save", "save", "terminal", "ctrl+s", "Save screen and scrollback to a file."),
    _see("terminal-record", "record", "terminal", "r", "Record the output as an asciicast file, or end that."),
    _see("terminal-redraw", "our size", "terminal", "=",
         "Give the session this pane's size and have the program redraw."),
    _see("terminal-warning", "hide warning", "terminal", "w",
         "Hide the warning over the terminal, or show it again; the title keeps it in short."),
    _see("terminal-close", "close shell", "terminal", "x", "Close the connection to this shell."),
    # Choosing text in a terminal: the cursor moves like that of a list, and by h l 0 $ w b
    _see("choice-begin", "from here", "choosing", "space v",
         "Choose characters from here on, or let go; arrows, hjkl, w, b, 0, $, g and G move.", footer=True),
    _see("choice-lines", "lines", "choosing", "V", "Choose whole lines from here on, or let go.", footer=True),
    _see("choice-copy", "copy", "choosing", "enter y", "Copy what is chosen, and end choosing.", footer=True),
    _see("choice-end", "end", "choosing", "escape q", "Let go of what is chosen; without anything chosen end choosing.",
         footer=True),
    # Shells and builds
    _do("shell-reattach", "reattach", "shells", "enter", "Go to this terminal.", right="ssh", footer=True),
    _see("shell-close", "close", "shells", "x", "Close the connection to this shell.", footer=True),
    _see("build-open", "open workspace", "build", "enter", "Go to the workspace of this build."),
)
# fmt: on

REGISTRY: tuple[Action, ...] = tuple(replace(entry, order=order) for order, entry in enumerate(_TABLE))
"""All actions, in the order of the help."""

_BY_ID = {entry.id: entry for entry in REGISTRY}


def action(action_id: str) -> Action:
    """The shipped action of this id.

    Raises:
        KeyError: There is none.
    """
    return _BY_ID[action_id]


def _usable(entry: Action, read_only: bool) -> bool:
    return entry.available and not (read_only and entry.writes)


def actions_for(
    scope: str, registry: Iterable[Action] = REGISTRY, *, read_only: bool = False
) -> tuple[Action, ...]:
    """What works in a scope: its own actions first, then those of the scopes around it, each by footer order."""
    registry = tuple(registry)
    found: list[Action] = []
    for ring in scope_chain(scope):
        own = [a for a in registry if ring in a.scopes and _usable(a, read_only) and a not in found]
        found += sorted(own, key=lambda a: a.order)
    return tuple(found)


def footer(
    scope: str, registry: Iterable[Action] = REGISTRY, *, read_only: bool = False
) -> tuple[Action, ...]:
    """The actions a footer names, innermost scope first."""
    return tuple(a for a in actions_for(scope, registry, read_only=read_only) if a.show_in_footer and a.keys)


def palette(
    scope: str, registry: Iterable[Action] = REGISTRY, *, read_only: bool = False
) -> tuple[Action, ...]:
    """The actions a palette offers: like `actions_for`, without those that only open the palette itself."""
    hidden = {"palette", "command-line"}
    return tuple(a for a in actions_for(scope, registry, read_only=read_only) if a.id not in hidden)
