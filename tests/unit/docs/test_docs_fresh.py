"""Documents that follow from the code are as the code would make them."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_generated_documents_are_fresh() -> None:
    module = runpy.run_path(str(ROOT / "docs" / "make.py"))
    assert module["stale"]() == [], "run: make docs"


def test_pictures_of_the_readme_exist_and_load_nothing() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [part.split(")")[0] for part in readme.split("](")[1:] if part.startswith("screenshots/")]
    assert names
    for name in names:
        svg = (ROOT / name).read_text(encoding="utf-8")
        assert "@font-face" not in svg
        assert "127.0.0.1" not in svg
