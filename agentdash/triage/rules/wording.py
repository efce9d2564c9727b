"""Small things that several rules say or read alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from agentdash.state.model import LogLine
from agentdash.triage.evidence import cause_of, clean_error
from agentdash.triage.finding import Evidence

_VERSION = re.compile(r"^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?P<rest>.*)$")


@lru_cache(maxsize=512)
def version_of(text: str) -> tuple[int, int, int] | None:
    """The three numbers of a version; None for what is no release, such as a development build."""
    found = _VERSION.match(text.strip())
    if found is None or "devel" in found.group("rest"):
        return None
    numbers = (int(found.group(1)), int(found.group(2)), int(found.group(3)))
    return None if numbers == (0, 0, 0) else numbers


def tags_words(tags: Mapping[str, str]) -> str:
    """Tags as `scope=organization env=gpu`; those without a value are left out, as nothing is asked by them."""
    said = " ".join(f"{key}={value}" for key, value in sorted(tags.items()) if value)
    return said or "no tags"


def build_errors(lines: Iterable[LogLine]) -> list[Evidence]:
    """Lines of a build's log as proofs."""
    return [Evidence(ln.at, clean_error(ln.text), f"build log: {ln.source_id}") for ln in lines]


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def cause_of_text(text: str) -> str:
    """What an error text means in a few words, if it is known."""
    return cause_of([LogLine(0, None, "", "", text)])
