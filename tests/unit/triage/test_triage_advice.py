"""What findings advise and take for causes: nothing that the evidence refutes, no command that does not help."""

from __future__ import annotations

import pytest
from immutables import Map

from tests.unit.triage.builders import (
    ORG,
    PRESET,
    VERSION,
    Facts,
    MatchedProvisioners,
    Preset,
    agent,
    before,
    build,
    daemon,
    facts,
    find,
    job,
    pending,
    prebuild,
    read,
    sub_agent,
    workspace,
)


def advised(of: Facts, rule: str) -> list[tuple[str, str]]:
    return [(step.text, step.command) for step in find(of, rule).next]


# Claims


def passed_over(preset_id: str | None, *, is_kept: bool = False) -> Facts:
    """A workspace built from nothing beside one prebuild that was ready."""
    at = before(600)
    cold = workspace(
        agent(created_at=at, first_connected_at=at, started_at=at, ready_at=at),
        build=build(
            number=1,
            preset_id=preset_id,
            created_at=at,
            job=job(created_at=at, started_at=at, completed_at=at),
        ),
    )
    root = agent(workspace_id="pb1")
    inner = sub_agent(root, lifecycle="starting", ready_at=before(800))
    left = prebuild(1, root, *((inner,) if is_kept else ()))
    chosen = Preset(PRESET, "small pool", VERSION, 1)
    return facts(
        cold,
        left,
        pool=0,
        presets=Map({VERSION: read((chosen,))}),
        parameters=Map({"b-w1": read(Map({"cpu": "4"}))}),
    )


NOT_CHOSEN = "no preset was chosen, and the parameters match none"
KEPT = "a sub-agent kept the prebuild from being claimed (P09)"


@pytest.mark.parametrize(
    ("preset_id", "is_kept", "holds", "refuted"),
    [(None, False, NOT_CHOSEN, KEPT), (PRESET, False, "", NOT_CHOSEN), (PRESET, False, "", KEPT)],
)
def test_why_a_prebuild_was_passed_over(
    preset_id: str | None, is_kept: bool, holds: str, refuted: str
) -> None:
    causes = find(passed_over(preset_id, is_kept=is_kept), "C08").causes
    assert causes
    assert not holds or holds in causes
    assert refuted not in causes


def test_a_preset_is_chosen_by_its_name() -> None:
    assert advised(passed_over(None), "C08") == [
        ("choose the preset when creating", "coder create --template web --preset 'small pool' NAME")
    ]
    assert all("--preset" not in command for _, command in advised(passed_over(PRESET), "C08"))


# Builds


@pytest.mark.parametrize("count", [1, 3])
def test_provisioners_that_are_gone_are_not_called_available(count: int) -> None:
    matched = MatchedProvisioners(count, count, before(200))
    gone = tuple(daemon(f"prov-{n}", status="offline", last_seen_at=before(200)) for n in range(count))
    found = find(
        facts(workspace(build=pending(waited_s=300, matched=matched)), daemons=Map({ORG: read(gone)})), "B02"
    )
    said = [e.text for e in found.evidence]
    assert not any(f"{count} available" in text for text in said)
    assert any(text.endswith("0 available now") for text in said)
