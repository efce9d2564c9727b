"""The user's own keys: remapped, unbound, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from agentdash.actions.action import Action, key_label, key_name, scope_chain
from agentdash.actions.registry import CURSOR_KEYS

UNBOUND = frozenset({"", "none", "off"})


def apply_keymap(
    registry: Iterable[Action], keymap: Mapping[str, str]
) -> tuple[tuple[Action, ...], list[str]]:
    """The actions with a user's keys, and what is wrong with them as sentences.

    A value is a list of keys separated by commas or spaces (`comma` and `space` are the names of these two); empty,
    `none` or `off` unbinds. An entry with a fault is left as shipped. A clash with another action keeps both, so that
    nothing a person relies on disappears: the inner scope, then the earlier action wins.
    """
    actions = {entry.id: entry for entry in registry}
    problems: list[str] = []
    for action_id, wanted in keymap.items():
        if action_id not in actions:
            problems.append(_unknown(action_id, actions))
            continue
        keys: list[str] = []
        faulty = False
        for word in _words(wanted):
            name = key_name(word)
            if not name:
                problems.append(f"Key map: {word!r} of {action_id} is not a key.")
                faulty = True
            elif name not in keys:
                keys.append(name)
        if not faulty:
            actions[action_id] = replace(actions[action_id], keys=tuple(keys))
    changed = tuple(actions.values())
    return changed, problems + [_sentence(*clash) for clash in clashes(changed)]


def _words(wanted: str | Sequence[str]) -> list[str]:
    found = wanted.replace(",", " ").split() if isinstance(wanted, str) else list(wanted)
    return [] if len(found) == 1 and found[0].strip().lower() in UNBOUND else found


def _unknown(action_id: str, actions: Mapping[str, Action]) -> str:
    near = get_close_matches(action_id, actions, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"Key map: there is no action {action_id!r}.{hint}"


def _sentence(key: str, first: Action, second: Action | None) -> str:
    label = key_label(key)
    if second is None:
        return f"Key map: {label} of {first.id} moves the cursor and never reaches it."
    return f"Key map: {label} is both {first.id} and {second.id} in {_meeting(first, second)}."


def _meeting(first: Action, second: Action) -> str:
    """The innermost scope where both apply."""
    for one, other in ((first, second), (second, first)):
        for scope in one.scopes:
            if set(scope_chain(scope)) & set(other.scopes):
                return scope
    return ""


def clashes(actions: Iterable[Action]) -> list[tuple[str, Action, Action | None]]:
    """Keys that two actions share where both apply, or that a list takes for its cursor (then the second is None)."""
    found: list[tuple[str, Action, Action | None]] = []
    holders: dict[str, list[Action]] = {}
    for entry in actions:
        if not entry.available:
            continue
        for key in entry.keys:
            if key in CURSOR_KEYS:
                found.append((key, entry, None))
            found += [(key, other, entry) for other in holders.get(key, ()) if _meeting(other, entry)]
            holders.setdefault(key, []).append(entry)
    return found
