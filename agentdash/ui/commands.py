"""The command line `:`: actions by name, views, filters, sorting and columns by words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from agentdash.actions.action import Action


@dataclass(frozen=True, slots=True)
class Command:
    """What was meant: an action, or one of the words with an argument; `problem` says why nothing is."""

    action: Action | None = None
    word: str = ""
    argument: str = ""
    problem: str = ""


WORDS = {
    "filter": "filter QUERY: show only rows that match",
    "sort": "sort COLUMN: sort by a column, again to turn it around",
    "columns": "columns A,B,C: show these columns; alone it opens the chooser",
    "theme": "theme NAME: use a theme; alone it tells which there are",
    "open": "open OWNER/NAME: open a workspace's agent",
}


def understand(text: str, actions: Iterable[Action]) -> Command:
    """Read a command.

    An action is named by its id (`copy-command`), by words of its title, or by an unambiguous beginning of either.
    """
    offered = list(actions)
    text = text.strip().lstrip(":")
    words = text.split(maxsplit=1)
    if not words:
        return Command(problem="")
    word, argument = words[0].lower(), words[1].strip() if len(words) > 1 else ""
    if word in WORDS and (argument or word in ("filter", "sort", "theme")):
        return Command(word=word, argument=argument)
    whole = "-".join(text.lower().split())
    names = {action.id: action for action in offered}
    titles = {"-".join(a.title.rstrip("…").lower().split()): a for a in reversed(offered)}
    short = {a.id.removeprefix("view-"): a for a in offered if a.id.startswith("view-")}
    for table in (names, titles, short):
        if whole in table:
            return Command(action=table[whole])
    begun = {
        a.id: a for table in (names, titles, short) for name, a in table.items() if name.startswith(whole)
    }
    if len(begun) == 1:
        return Command(action=next(iter(begun.values())))
    if begun:
        return Command(problem=f"{text!r} may be {', '.join(sorted(begun)[:5])}")
    near = difflib.get_close_matches(whole, [*names, *titles, *WORDS], 1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else "; ctrl+p lists what there is"
    return Command(problem=f"no command {text!r}{hint}")
