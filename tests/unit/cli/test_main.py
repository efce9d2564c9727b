"""Every end becomes an exit code and at most one line; never a trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agentdash.cli.dashboard import need_terminal
from agentdash.cli.main import run
from agentdash.cli.output import CliError, ExitCode

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home in which nobody has logged in."""
    return {"HOME": str(tmp_path), "TERM": "xterm-256color"}


def fake(monkeypatch: pytest.MonkeyPatch, error: BaseException | int) -> None:
    def run(call: Any) -> int:
        if isinstance(error, BaseException):
            raise error
        return error

    module = ModuleType("agentdash.cli.version")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "agentdash.cli.version", module)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (0, 0, ""),
        (7, 7, ""),
        (CliError("it broke.", ExitCode.UNREACHABLE, "Mend it."), 3, "agentdash: it broke. Mend it"),
        (KeyboardInterrupt(), 130, ""),
        (
            RuntimeError(f"with {TOKEN}"),
            1,
            "agentdash: an error of this program: RuntimeError. Run it again with --log-file",
        ),
    ],
)
def test_how_a_command_ends(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    error: Any,
    code: int,
    said: str,
) -> None:
    fake(monkeypatch, error)
    assert run(["version"], environ) == code
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") <= 1
    assert "Traceback" not in err
    assert TOKEN not in err


def test_the_trace_goes_to_the_log(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    fake(monkeypatch, RuntimeError("boom"))
    log = tmp_path / "a.log"
    assert run(["version", "--log-file", str(log)], environ) == 1
    assert f"The trace is in {log}" in capsys.readouterr().err
    assert "RuntimeError: boom" in log.read_text()


def test_a_log_file_that_cannot_be_written_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], environ: dict[str, str], tmp_path: Path
) -> None:
    assert run(["version", "--log-file", str(tmp_path)], environ) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--help"], 0, ""),
        (["--version"], 0, ""),
        (["version"], 0, ""),
        (["nonsense"], 2, "invalid choice"),
        (["fleet"], 2, "no deployment is configured"),
        (["fleet", "--url", "https://c.example.com"], 4, "not logged in at https://c.example.com"),
        (["agent", "x", "--url", "https://c.example.com"], 4, "not logged in"),
        (["fleet", "--url", "ftp://c"], 2, "--url"),
        (["fleet", "owner:"], 2, "wants a value"),
        (["agent", "/x", "--url", "https://c.example.com"], 2, "does not name a workspace"),
        (["local", "--port", "99999"], 2, "--port"),
        ([], 1, "needs a terminal"),
        (["dashboard"], 1, "needs a terminal"),
    ],
)
def test_ends_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], environ: dict[str, str], argv: list[str], code: int, says: str
) -> None:
    assert run(argv, environ) == code
    caught = capsys.readouterr()
    assert says in caught.err
    assert caught.err.count("\n") == (1 if code else 0)


def test_a_deployment_that_is_not_there(
    capsys: pytest.CaptureFixture[str], environ: dict[str, str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    # Port 9 of loopback: nobody answers there.
    assert run(["fleet", "--url", "http://127.0.0.1:9", "--token-file", str(token)], environ) == 3
    err = capsys.readouterr().err.splitlines()[-1]
    assert "cannot reach the server" in err
    assert TOKEN not in err


def test_a_token_on_the_command_line_is_warned_of(
    capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    run(["fleet", "--url", "http://127.0.0.1:9", "--token", TOKEN], environ)
    err = capsys.readouterr().err
    assert "warning: --token can be seen" in err
    assert TOKEN not in err


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_shows_no_screen(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(CliError, match="TERM"):
        need_terminal({"TERM": term})
    need_terminal({"TERM": "xterm"})


def python(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_a_reader_that_goes_away_is_no_error(environ: dict[str, str]) -> None:
    program = (
        "import os, sys\n"
        "r, w = os.pipe(); os.close(r); os.dup2(w, 1); os.close(w)\n"
        "from agentdash.cli.main import run\n"
        "sys.exit(run(['version'], dict(os.environ)))"
    )
    done = python("-c", program, env=environ)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_command_line_is_read_without_the_heavy_libraries(environ: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from agentdash.cli.main import run\n"
        "run(['--version'])\n"
        "heavy = {'textual', 'httpx', 'websockets', 'pydantic', 'pyte', 'uvicorn', 'starlette'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = python("-c", program, env=environ)
    assert done.returncode == 0, done.stderr
