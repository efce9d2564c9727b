from __future__ import annotations

import stat
from base64 import b64decode
from pathlib import Path

import pytest
from textual.app import App

from agentdash.ui import clipboard
from agentdash.ui.clipboard import LIMIT, copy, copy_with, osc52


def test_plain_terminals_get_one_sequence() -> None:
    sequence = osc52("npm: not found ✗", {})
    assert sequence.startswith("\x1b]52;c;")
    assert sequence.endswith("\x07")
    assert b64decode(sequence[7:-1]).decode() == "npm: not found ✗"


def test_tmux_gets_it_plain_and_as_passthrough() -> None:
    plain = osc52("x", {})
    sequence = osc52("x", {"TMUX": "/tmp/tmux-0/default,1,0", "STY": "1"})
    assert sequence == plain + "\x1bPtmux;\x1b" + plain + "\x1b\\"


def test_screen_gets_it_in_pieces_it_can_take() -> None:
    sequence = osc52("x" * 3000, {"STY": "1.pts"})
    pieces = sequence.split("\x1b\\")[:-1]
    assert len(pieces) > 4
    assert all(piece.startswith("\x1bP") and len(piece) <= 768 for piece in pieces)
    assert "".join(piece[2:] for piece in pieces) == osc52("x" * 3000, {})


def test_what_fits_is_sent_and_said(tmp_path: Path) -> None:
    sent: list[str] = []
    sentence = copy_with("one\ntwo", "2 lines", write=sent.append, env={}, folder=tmp_path)
    assert sentence == "2 lines sent to the terminal's clipboard (7 B)"
    assert sent == [osc52("one\ntwo", {})]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("has_terminal", [True, False])
def test_what_does_not_fit_goes_to_a_private_file(tmp_path: Path, has_terminal: bool) -> None:
    sent: list[str] = []
    text = "x" * (LIMIT + 1 if has_terminal else 3)
    folder = tmp_path / "state" / "agentdash"
    sentence = ""
    for _ in range(2):
        sentence = copy_with(text, "log", write=sent.append if has_terminal else None, env={}, folder=folder)
    assert sent == []
    path = folder / clipboard.FILE_NAME
    assert sentence.startswith(f"log written to {path}: ")
    assert ("75 kB is too much" in sentence) == has_terminal
    assert path.read_text() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [entry.name for entry in folder.iterdir()] == [clipboard.FILE_NAME]


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / clipboard.FILE_NAME).symlink_to(victim)
    copy_with("text", "text", write=None, env={}, folder=tmp_path)
    assert victim.read_text() == "precious"
    assert not (tmp_path / clipboard.FILE_NAME).is_symlink()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    sentence = copy_with("text", "log", write=None, env={}, folder=blocked / "below")
    assert sentence.startswith("log not copied: no clipboard here, and ")


def test_halves_of_letters_do_not_break_it(tmp_path: Path) -> None:
    assert "sent" in copy_with("\ud83d", "text", write=lambda text: None, env={}, folder=tmp_path)


async def test_an_app_copies_through_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("STY", raising=False)
    app: App[None] = App()
    async with app.run_test():
        sent: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", sent.append)
        assert copy(app, "name", "name") == "name sent to the terminal's clipboard (4 B)"
        assert osc52("name", {}) in sent
