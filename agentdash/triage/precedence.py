"""Which finding comes first, and which is only the consequence of another (contract: triage.md §3)."""

from __future__ import annotations

from types import MappingProxyType

TREE: tuple[str, ...] = (
    # the server
    *("V05", "V06", "V02", "N04"),
    # pools and prebuilds; D07 stands before P09, whose cause it is
    *("P01", "P02", "P16", "P05", "P06", "P04", "P07", "P20", "P08"),
    *("P03", "P18", "P19", "P15", "P12", "P14", "P21", "P10", "P11", "P17", "P13"),
    # the job
    *("B01", "B02", "B03", "B04", "B06", "B07", "C01", "B08", "B10", "B05", "B16", "C02", "B09", "B14"),
    # the agent
    *(
        "A07",
        "C05",
        "A11",
        "A03",
        "A01",
        "A02",
        "A10",
        "A09",
        "A12",
        "C06",
        "R06",
        "A04",
        "A05",
        "A06",
        "A08",
    ),
    *("C03", "S06", "D01", "S10", "S01", "S11", "S07", "S03", "S02", "S04", "D02", "D07", "P09"),
    *("D04", "D05", "D03", "D11", "D10", "D06", "D08", "D09", "N06", "N05", "N01", "N02", "N03"),
    *("W01", "W02", "W03", "W04"),
    # what is no hindrance now
    *(
        "R03",
        "B15",
        "C07",
        "C04",
        "C08",
        "R05",
        "S08",
        "S09",
        "R01",
        "R07",
        "R04",
        "V01",
        "B12",
        "B13",
        "V08",
    ),
    *("B11", "R02", "S12", "S05", "V03", "V07", "C09", "V04"),
)
"""All rules in the order of the decision tree: of one subject the first that holds is shown."""

RANK: MappingProxyType[str, int] = MappingProxyType({rule: rank for rank, rule in enumerate(TREE)})

_BUILD = ("B01", "B02", "B03", "B05", "B06", "B07", "B08", "B09", "B10", "B14", "B16", "P16", "C02")
_AGENT_SIDE = frozenset(rule for rule in TREE if rule[0] in "ASD")
_CUT_OFF = frozenset({"W01", "W02", "W03", "N06"})

CONSEQUENCES: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(_BUILD, _AGENT_SIDE),
        "B01": _AGENT_SIDE | {"B04", "C01"},
        "B02": _AGENT_SIDE | {"B04", "C01"},
        "B03": _AGENT_SIDE | {"B04"},
        "C02": _AGENT_SIDE | {"B09"},
        "P16": _AGENT_SIDE | {"P03", "P04", "P05"},
        "P05": frozenset({"P03", "P04"}),
        "P06": frozenset({"P03"}),
        "A02": _CUT_OFF | {"D07"},
        "A03": _CUT_OFF,
        "A05": _CUT_OFF | {"D07"},
        "A09": _CUT_OFF,
        "A12": _CUT_OFF | {"S09"},
        "S06": frozenset({"S01", "S11", "D09"}),
        "C03": frozenset({"S01", "S11", "D09"}),
        "C06": frozenset({"R06", "A04"}),
        "S10": frozenset({"S01", "S07", "D09"}),
        "S01": frozenset({"S07", "D09"}),
        "S07": frozenset({"D09"}),
        "S11": frozenset({"D09"}),
        "D01": frozenset({"S07", "S11", "D09"}),
        "D02": frozenset({"D07", "D11"}),
        "D05": frozenset({"D11"}),
        "D07": frozenset({"P09"}),
    }
)
"""Rule → rules that are its consequences on the same subject, or on its workspace where `ACROSS` says so."""

ACROSS: frozenset[str] = frozenset({*_BUILD, "A02", "A05", "D07", "D02"})
"""Causes whose consequences may stand on another subject of the same workspace: its agents, its sub-agents."""

EXPLAINS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "P07": ("A02", "A03", "A05", "A12", "S06", "D01", "S10", "S01", "S02", "S03", "S04", "D02", "A01"),
        "P08": ("A04", "A05"),
        "P09": ("D07", "D02", "D01", "S03", "S02", "S01"),
    }
)
"""What a pool's trouble comes from on the same workspace: shown as its cause, and grouped by."""


def rank(rule: str) -> int:
    """Place in the tree; unknown rules come last."""
    return RANK.get(rule, len(TREE))


_LAST_HINDRANCE = RANK["W04"]


def is_hindrance(rule: str) -> bool:
    """Whether a rule is about what hinders now; those after it in the tree tell of what may come, or of what is old."""
    return rank(rule) <= _LAST_HINDRANCE
