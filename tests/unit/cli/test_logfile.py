"""The program's own log."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdash.cli import logfile


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logfile, "_secrets", set())
    root = logging.getLogger()
    level, own = root.level, logging.getLogger("agentdash").level
    yield
    logfile.close_log()
    root.setLevel(level)
    logging.getLogger("agentdash").setLevel(own)


def test_only_its_owner_reads_it_and_secrets_never_reach_it(tmp_path: Path) -> None:
    path = logfile.open_log(tmp_path / "deep" / "a.log")
    logfile.hide(["TOPSECRET-TOKEN", ""])
    logging.getLogger("agentdash.x").warning("sent %s", "TOPSECRET-TOKEN")
    try:
        int("TOPSECRET-TOKEN")
    except ValueError:
        logging.getLogger("agentdash.x").exception("failed")
    text = path.read_text()
    assert "TOPSECRET" not in text
    assert "sent ••••••" in text
    assert "Traceback" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_libraries_are_only_heard_when_they_warn(tmp_path: Path) -> None:
    path = logfile.open_log(tmp_path / "a.log")
    logging.getLogger("httpx").info("GET https://c.example.com")
    logging.getLogger("agentdash.feed").info("sweep")
    assert "httpx" not in path.read_text()
    assert "sweep" in path.read_text()


def test_it_rotates_and_stays_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "MAX_BYTES", 2000)
    path = logfile.open_log(tmp_path / "a.log")
    for number in range(200):
        logging.getLogger("agentdash").warning("line %d", number)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + logfile.BACKUPS
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert path.stat().st_size <= 2000


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        logfile.open_log(tmp_path / "file" / "a.log")


def test_without_a_log_nothing_reaches_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logfile.no_log()
    logging.getLogger("agentdash.x").error("quiet")
    assert capsys.readouterr().err == ""
