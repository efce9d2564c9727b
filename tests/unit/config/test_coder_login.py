from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING

import pytest

from agentdash.config.coder_login import read_system_keyring, token_in_keyring
from agentdash.config.secret import Secret

if TYPE_CHECKING:
    from .conftest import Machine

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"
IN_FILE = "FFFFFFFFFF-FFFFFFFFFFFFFFFFFFFFFF"
ENTRY = json.dumps(
    {
        "coder.example.com": {"coder_url": "coder.example.com", "api_token": TOKEN},
        "localhost:3000": {"coder_url": "localhost:3000", "api_token": "local"},
    }
)
MAC = "Library/Application Support/coderv2"


def test_the_entry_of_one_host() -> None:
    encoded = base64.b64encode(ENTRY.encode()).decode() + "\n"
    for value in (ENTRY, encoded):
        assert token_in_keyring(value, "https://Coder.example.com") == Secret(TOKEN)
        assert token_in_keyring(value, "http://localhost:3000") == Secret("local")
        assert token_in_keyring(value, "http://localhost:3001") is None
        assert token_in_keyring(value, "https://evil.example.com") is None


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "null", "%%%", "AAAA", '{"a.b": 1}', '{"a.b": {"api_token": 1}}']
)
def test_entries_that_are_none(value: str) -> None:
    assert token_in_keyring(value, "https://a.b") is None


def test_the_keyring_goes_before_the_file(machine: Machine) -> None:
    machine.platform = "darwin"
    machine.keyring = ENTRY
    machine.log_in("https://coder.example.com", IN_FILE, MAC)
    loaded = machine.load()
    assert loaded.settings.token == Secret(TOKEN)
    assert loaded.origins["token"].name == "keyring"


def test_the_file_is_the_fallback(machine: Machine) -> None:
    machine.platform = "darwin"
    machine.log_in("https://coder.example.com", IN_FILE, MAC)
    assert machine.load().settings.token == Secret(IN_FILE)
    machine.keyring = "{}"
    assert machine.load().settings.token == Secret(IN_FILE)
    assert machine.keyring_asked == 2


def test_the_keyring_serves_a_deployment_given_by_name(machine: Machine) -> None:
    machine.platform = "darwin"
    machine.keyring = ENTRY
    assert machine.load(url="localhost:3000").settings.token == Secret("local")


@pytest.mark.parametrize("case", ["linux", "environment", "flag", "directory", "token"])
def test_when_the_keyring_is_not_asked(machine: Machine, case: str) -> None:
    machine.platform = "linux" if case == "linux" else "darwin"
    machine.keyring = ENTRY
    machine.log_in("https://coder.example.com", IN_FILE, ".config/coderv2" if case == "linux" else MAC)
    flags: dict[str, object] = {}
    expected = IN_FILE
    if case == "environment":
        machine.environ["CODER_USE_KEYRING"] = "false"
    elif case == "flag":
        flags["use_keyring"] = False
    elif case == "directory":
        machine.log_in("https://coder.example.com", "elsewhere", "other")
        machine.environ["CODER_CONFIG_DIR"] = str(machine.home / "other")
        expected = "elsewhere"
    elif case == "token":
        flags["token"] = expected = "given"
    assert machine.load_with(flags).settings.token == Secret(expected)
    assert machine.keyring_asked == 0


@pytest.mark.skipif(sys.platform == "darwin", reason="would ask the keyring of this machine")
def test_no_keyring_program_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert read_system_keyring("darwin") is None
    assert read_system_keyring("win32") is None
