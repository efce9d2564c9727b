"""Make the documents that follow from the code: keys and filter keys in the README, pages of settings and triage.

python docs/make.py          write them
python docs/make.py --check  fail when one is stale
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

from agentdash.actions.action import Action, key_label
from agentdash.actions.registry import REGISTRY
from agentdash.config.reference import entries
from agentdash.local.revisions import REVISIONS
from agentdash.state.query import KEYS
from agentdash.triage.catalogue import CATALOGUE, NOT_SHOWN, WITHOUT_FINDING
from agentdash.triage.thresholds import Thresholds

ROOT = Path(__file__).parent.parent
SCOPES = {
    "global": "Everywhere",
    "fleet": "Fleet",
    "prebuilds": "Prebuilds",
    "triage": "Triage",
    "agent": "Agent",
    "shells": "Shells",
    "build": "Build log",
    "health": "Health pane",
    "scripts": "Scripts pane",
    "ports": "Ports pane",
    "logs": "Logs pane and build log",
    "devcontainers": "Devcontainers pane",
    "terminal": "Terminal pane",
    "shell": "While typing into a shell",
    "choosing": "While choosing text in a terminal",
    "apps": "Apps pane",
    "metadata": "Metadata pane",
    "network": "Network pane",
}
MOTION = (
    "Lists and logs move with the arrows or `j` `k`, `pgup` `pgdn`, `ctrl+u` `ctrl+d`, `g` `G` or `home` `end`. "
    "The mouse works and is never needed."
)


def _by_scope() -> list[tuple[str, list[Action]]]:
    """Titles of places with the actions that are at home there."""
    homes: dict[str, list[Action]] = {}
    for action in REGISTRY:
        if action.available:
            homes.setdefault(action.scope, []).append(action)
    untitled = homes.keys() - SCOPES.keys()
    if untitled:
        raise SystemExit(f"docs/make.py: no title for scope {', '.join(sorted(untitled))}")
    return [
        (title, sorted(homes[scope], key=lambda a: a.order))
        for scope, title in SCOPES.items()
        if scope in homes
    ]


def keys_in_short() -> str:
    """The keys of each place in a line."""
    lines = [MOTION, ""]
    for title, actions in _by_scope():
        words = [f"`{key_label(a.keys[0])}` {a.title.rstrip('…')}" for a in actions if a.keys]
        lines.append(f"* **{title}**: {' · '.join(words)}")
    return "\n".join(lines)


def keys_page() -> str:
    """Every action with its keys and its id."""
    parts = [
        "# Keys",
        "",
        "Made from the code by `docs/make.py`. The id is what `[keymap]` of the settings takes.",
        "",
        MOTION,
    ]
    for title, actions in _by_scope():
        parts += ["", f"## {title}", "", "| key | does | id |", "| --- | --- | --- |"]
        for action in actions:
            names = " ".join(f"`{_cell(key_label(key))}`" for key in action.keys) or "palette"
            parts.append(f"| {names} | {_cell(action.help)} | `{action.id}` |")
    return "\n".join(parts) + "\n"


def triage_page() -> str:
    """Every rule, those this API cannot show with the reason, and the limits."""
    shown = [entry for entry in CATALOGUE.values() if entry.shown]
    parts = [
        "# Triage",
        "",
        "Made from the code by `docs/make.py`. `agentdash explain RULE` tells all about one.",
        "",
        f"## {len(shown)} rules",
        "",
        "| rule | severity | what | holds when |",
        "| --- | --- | --- | --- |",
    ]
    parts += [f"| {e.id} | {e.severity.label} | {_cell(e.title)} | {_cell(e.fires)} |" for e in shown]
    parts += ["", "## Not on this API", "", "| rule | what | why not |", "| --- | --- | --- |"]
    parts += [
        f"| {name} | {_cell(CATALOGUE[name].title)} | {_cell(why)} |" for name, why in NOT_SHOWN.items()
    ]
    parts += ["", "## Minded without a finding", "", "| rule | what | why |", "| --- | --- | --- |"]
    parts += [
        f"| {name} | {_cell(CATALOGUE[name].title)} | {_cell(why)} |" for name, why in WITHOUT_FINDING.items()
    ]
    parts += [
        "",
        "## Limits",
        "",
        "Set in `[triage]` of the settings. `_s` are seconds, `_ms` milliseconds, `_pct` percent.",
        "",
        "| name | default |",
        "| --- | --- |",
    ]
    parts += [f"| `{field.name}` | {field.default:g} |" for field in fields(Thresholds)]
    return "\n".join(parts) + "\n"


def filter_keys() -> str:
    """The keys of the filter, in one line."""
    return ", ".join(f"`{key}:`" for key in KEYS)


def settings_page() -> str:
    """Every setting with its default."""
    lines = [
        "# Settings",
        "",
        "Made from the code by `docs/make.py`.",
        "",
        "| key | default | meaning |",
        "| --- | --- | --- |",
    ]
    for entry in entries():
        default = "" if entry.default is None else f"`{_cell(str(entry.default))}`"
        lines.append(f"| `{entry.key}` | {default} | {_cell(entry.text)} |")
    return "\n".join(lines) + "\n"


def coverage_page() -> str:
    """Endpoint by revision, client, embedded server, place and test."""
    with (ROOT / "docs" / "coverage.toml").open("rb") as file:
        rows = tomllib.load(file)["endpoint"]
    lines = [
        "# Coverage",
        "",
        "Made from `docs/coverage.toml` and the code by `docs/make.py`. ✓: a server of that time has it.",
        "",
        "| endpoint (below `/api/v2`) | "
        + " | ".join(REVISIONS)
        + " | client | embedded server | seen in | test |",
        "| --- |" + " --- |" * (len(REVISIONS) + 4),
    ]
    for row in rows:
        method, path = row["path"].split()
        served = ["✓" if one.has_route(method, f"/api/v2{path}") else "–" for one in REVISIONS.values()]
        code = [f"`{row[name]}`" if name in row else "–" for name in ("client", "server")]
        reason = row.get("reason", "")
        seen = row.get("seen") or f"– ({reason})"
        test = f"`{row['test']}`" if "test" in row else "–"
        lines.append(
            f"| `{method} {path}` | {' | '.join(served)} | {' | '.join(code)} | {_cell(seen)} | {test} |"
        )
    return "\n".join(lines) + "\n"


def readme() -> str:
    """The README with its made parts anew."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, made in (("keys", keys_in_short()), ("filter keys", filter_keys())):
        begin, end = f"<!-- begin {name} (made by docs/make.py) -->", f"<!-- end {name} -->"
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        text = pattern.sub(lambda _, b=begin, m=made, e=end: f"{b}\n{m}\n{e}", text)  # type: ignore[misc]
    return text


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


PAGES = {
    "README.md": readme,
    "docs/keys.md": keys_page,
    "docs/settings.md": settings_page,
    "docs/triage.md": triage_page,
    "docs/coverage.md": coverage_page,
}


def stale() -> list[str]:
    """Pages that are not as they would be made."""
    return [
        name
        for name, make in PAGES.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    """Write, or check."""
    if "--check" in sys.argv[1:]:
        names = stale()
        if names:
            print(f"stale: {', '.join(names)}; run python docs/make.py")
        return 1 if names else 0
    for name, make in PAGES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
