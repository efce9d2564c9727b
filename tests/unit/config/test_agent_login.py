from __future__ import annotations

from pathlib import Path

import pytest

from agentdash.config.agent_login import AgentAuth, agent_login
from agentdash.config.errors import ConfigError

TOKEN = "7ad2e618-fea7-4c1a-b70a-f501566a72f1"
OTHER = "11111111-1111-4111-8111-111111111111"
URL = "https://coder.example.com"
USERS = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


def test_the_environment_of_the_real_agent() -> None:
    login = agent_login({"CODER_AGENT_URL": URL + "/", "CODER_AGENT_TOKEN": f" {TOKEN}\n"})
    assert login.url == URL
    assert login.token is not None
    assert login.token.reveal() == TOKEN
    assert (login.auth, login.agent_name) == (AgentAuth.TOKEN, "")
    assert TOKEN not in repr(login)


def test_a_file_holds_the_token_where_the_variable_does_not(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    environ = {"CODER_AGENT_URL": URL, "CODER_AGENT_TOKEN_FILE": str(file)}
    found = agent_login(environ).token
    assert found is not None
    assert found.reveal() == TOKEN
    found = agent_login(environ | {"CODER_AGENT_TOKEN": OTHER}).token
    assert found is not None
    assert found.reveal() == OTHER
    found = agent_login(environ | {"CODER_AGENT_TOKEN": OTHER}, token_file=file).token
    assert found is not None
    assert found.reveal() == TOKEN


def test_flags_go_first() -> None:
    login = agent_login({"CODER_AGENT_URL": URL, "CODER_AGENT_TOKEN": TOKEN}, url="http://127.0.0.1:3000")
    assert login.url == "http://127.0.0.1:3000"


@pytest.mark.parametrize("auth", [one for one in AgentAuth if one is not AgentAuth.TOKEN])
def test_a_cloud_vouches_instead_of_a_token(auth: AgentAuth) -> None:
    environ = {"CODER_AGENT_URL": URL, "CODER_AGENT_AUTH": auth.value, "CODER_AGENT_NAME": " b "}
    login = agent_login(environ)
    assert (login.token, login.auth, login.agent_name) == (None, auth, "b")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"CODER_AGENT_TOKEN": TOKEN}, "no deployment is named"),
        ({"CODER_AGENT_URL": URL}, "no agent's token is given"),
        ({"CODER_AGENT_URL": URL, "CODER_AGENT_TOKEN": USERS}, "that is no agent's token"),
        ({"CODER_AGENT_URL": URL, "CODER_AGENT_TOKEN": "z" * 36}, "that is no agent's token"),
        ({"CODER_AGENT_URL": URL, "CODER_AGENT_TOKEN_FILE": "/nowhere/token"}, "there is no such file"),
        ({"CODER_AGENT_URL": URL, "CODER_AGENT_AUTH": "magic"}, "that way to log in is unknown"),
        ({"CODER_AGENT_URL": "ftp://x", "CODER_AGENT_TOKEN": TOKEN}, "neither http nor https"),
    ],
)
def test_what_cannot_be_used_is_said(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        agent_login(environ)
    assert USERS not in str(caught.value)
