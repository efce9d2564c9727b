"""The table rule × world is as the matrix of the tests has it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent


def test_worlds_page_is_fresh() -> None:
    path = ROOT / "docs" / "matrix.py"
    spec = importlib.util.spec_from_file_location("docs_matrix", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "worlds.md").read_text(encoding="utf-8") == module.page()
