"""Make docs/worlds.md: which rule fires in which scripted world, from the matrix that the tests hold.

python docs/matrix.py          write it
python docs/matrix.py --check  fail when it is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from agentdash.local.worlds import CONDITIONS, FLEET  # noqa: E402 - the tests are no package that is installed
from agentdash.triage.catalogue import CATALOGUE, NOT_SHOWN, WITHOUT_FINDING  # noqa: E402
from tests.unit.triage.test_rule_world_matrix import MATRIX, ON_THE_WIRE, WATCHED  # noqa: E402

PAGE = ROOT / "docs" / "worlds.md"
INTRODUCTION = """\
# Rules and worlds

Made by `docs/matrix.py` from the matrix that `tests/unit/triage/test_rule_world_matrix.py` holds.
`agentdash local --world NAME` opens a world; `agentdash worlds` lists them.

Beside the planted rule stand those that are as true there. Rules in brackets are consequences, folded inside the \
finding before them. `#2` is the second prebuild that was made. A world marked *watched* needs more than one look, \
one marked *streams* shows only to somebody who keeps streams or a session open, so not to `agentdash triage`.
"""


def page() -> str:
    """Rules with their worlds, then worlds with what fires in them."""
    shown = [e for e in CATALOGUE.values() if e.id not in NOT_SHOWN and e.id not in WITHOUT_FINDING]
    parts = [INTRODUCTION, f"## {len(shown)} rules", ""]
    parts += [
        "| rule | severity | what | judged from | world | also fires in |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for entry in shown:
        own = [c.rule.lower() for c in CONDITIONS if c.rule.rstrip("b") == entry.id]
        also = [name for name, row in MATRIX.items() if entry.id in _rules(row) and name not in own]
        needs = ", ".join(_words(need) for need in entry.needs) or "workspaces"
        worlds = " ".join(f"`{name}`" for name in own)
        parts.append(
            f"| {entry.id} | {entry.severity.label} | {entry.title} | {needs} | {worlds} | {' '.join(also)} |"
        )
    parts += ["", f"## {len(MATRIX)} worlds", "", "| world | plays | fires |", "| --- | --- | --- |"]
    parts.append(_world(FLEET, "Forty workspaces in six templates"))
    for condition in CONDITIONS:
        name, *near = condition.worlds
        parts.append(_world(name, condition.title))
        parts += [_world(miss, f"Near miss of {condition.rule}") for miss in near]
    parts += ["", "## Without a world", "", "| rule | what | why |", "| --- | --- | --- |"]
    parts += [
        f"| {rule} | {CATALOGUE[rule].title} | not on this API: {why} |" for rule, why in NOT_SHOWN.items()
    ]
    parts += [f"| {rule} | {CATALOGUE[rule].title} | {why} |" for rule, why in WITHOUT_FINDING.items()]
    return "\n".join(parts) + "\n"


def _rules(row: str) -> set[str]:
    return set(row.replace("[", " ").replace("]", " ").replace(",", " ").split())


def _words(need: str) -> str:
    return {"fleet": "all workspaces", "history": "more than one look"}.get(need, need.replace("_", " "))


def _world(name: str, plays: str) -> str:
    watched = " *watched*" if name in WATCHED else " *streams*" if name in ON_THE_WIRE else ""
    return f"| `{name}`{watched} | {plays} | {MATRIX[name] or 'nothing'} |"


def main() -> int:
    """Write, or check."""
    if "--check" in sys.argv[1:]:
        is_fresh = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not is_fresh:
            print("stale: docs/worlds.md; run python docs/matrix.py")
        return 0 if is_fresh else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
