from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, asdict

import pytest

from agentdash.config.checking import checked
from agentdash.config.file import FILE_ONLY, known_keys
from agentdash.config.reference import entries
from agentdash.config.secret import Secret
from agentdash.config.settings import Settings


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hush")
    assert "hush" not in f"{secret} {secret!r} {[secret]} %s" % secret
    assert secret.reveal() == "hush"
    assert secret == Secret("hush")
    assert secret != Secret("other")
    assert secret != "hush"
    assert len({secret, Secret("hush")}) == 1
    assert copy.deepcopy({"a": secret})["a"] is secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_secrets_of_any_environment_compare() -> None:
    assert Secret("\udcff") == Secret("\udcff")


def test_settings_are_frozen_and_write_no_secret() -> None:
    settings = checked(
        Settings, {"token": "hush", "headers": {"A": "hush"}, "header_command": "curl -u hush"}
    )
    with pytest.raises(FrozenInstanceError):
        settings.theme = "x"  # type: ignore[misc]
    assert "hush" not in repr(settings)
    assert settings.token == Secret("hush")
    assert "hush" not in str(
        {name: text for name, text in asdict(settings).items() if name != "header_command"}
    )


def test_every_setting_is_described() -> None:
    described = {entry.key: entry for entry in entries()}
    assert set(described) == {*known_keys(), "token"} - set(FILE_ONLY)
    assert all(entry.text.endswith(".") for entry in described.values())
    assert described["terminal.scrollback"].default == 10_000
    assert described["watch_cap"].kind == "int"
