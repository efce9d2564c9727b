"""Saved files: private, named safely, never over another."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agentdash.ui.files import save_text


def test_a_file_is_private_and_says_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    said = save_text("ada-dev.log", "one\ntwo\n", folder)
    path = folder / "ada-dev.log"
    assert said == f"saved to {path}"
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_older_file_is_never_written_over(tmp_path: Path) -> None:
    for text in ("first", "second", "third"):
        save_text("a.log", text, tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "a.log": "first",
        "a-1.log": "second",
        "a-2.log": "third",
    }


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "etc_passwd"),
        ("a/b c.log", "a_b_c.log"),
        ("..", "text"),
        ("", "text"),
        (".hidden", "hidden"),
        ("na\x00me\x1b[2J.txt", "na_me_2J.txt"),
        ("ünïcödé", "n_c_d"),
    ],
)
def test_a_name_stays_inside_the_folder(name: str, file: str, tmp_path: Path) -> None:
    save_text(name, "x", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [file]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "a.log").symlink_to(other)
    save_text("a.log", "x", folder)
    assert not other.exists()
    assert (folder / "a-1.log").read_text() == "x"


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert save_text("a.log", "x", tmp_path / "file" / "saved").startswith("could not save: ")


def test_half_characters_are_replaced(tmp_path: Path) -> None:
    save_text("a.log", "half \ud800", tmp_path)
    assert (tmp_path / "a.log").read_text() == "half ?"
