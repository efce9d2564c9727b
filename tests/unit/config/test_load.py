from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from platformdirs.unix import Unix

from agentdash.config.errors import ConfigError
from agentdash.config.load import Origin, OriginKind
from agentdash.config.secret import Secret

if TYPE_CHECKING:
    from .conftest import Machine

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"
OTHER = "CCCCCCCCCC-DDDDDDDDDDDDDDDDDDDDDD"


def test_nothing_configured(machine: Machine) -> None:
    loaded = machine.load()
    assert loaded.settings.url is None
    assert loaded.settings.token is None
    assert loaded.file is None
    assert loaded.warnings == ()
    assert {origin.kind for origin in loaded.origins.values()} == {OriginKind.DEFAULT}


def test_a_login_is_all_that_is_needed(machine: Machine) -> None:
    machine.log_in("https://coder.example.com/")
    loaded = machine.load()
    assert loaded.settings.url == "https://coder.example.com"
    assert loaded.settings.token == Secret(TOKEN)
    assert loaded.origins["url"].kind is OriginKind.LOGIN
    assert loaded.origins["token"] == Origin(OriginKind.LOGIN, str(machine.home / ".config/coderv2/session"))


def test_flag_over_environment_over_file_over_login(machine: Machine) -> None:
    machine.log_in("https://login.example.com")
    assert machine.load().settings.url == "https://login.example.com"
    machine.configure('url = "https://file.example.com"')
    assert machine.load().settings.url == "https://file.example.com"
    machine.environ["CODER_URL"] = "https://env.example.com"
    assert machine.load().settings.url == "https://env.example.com"
    loaded = machine.load(url="flag.example.com")
    assert loaded.settings.url == "https://flag.example.com"
    assert loaded.origins["url"] == Origin(OriginKind.FLAG, "--url")


def test_the_stored_token_goes_to_its_own_deployment_alone(machine: Machine) -> None:
    machine.log_in("https://coder.example.com:443")
    assert machine.load(url="https://coder.example.com").settings.token == Secret(TOKEN)
    for other in ("https://evil.example.com", "https://coder.example.com:444", "http://coder.example.com"):
        loaded = machine.load(url=other)
        assert loaded.settings.token is None
        assert "that token is not sent" in loaded.warnings[0]
        assert TOKEN not in str(loaded)


def test_a_token_without_a_url_file_belongs_to_nobody(machine: Machine) -> None:
    machine.write(".config/coderv2/session", TOKEN)
    assert machine.load(url="https://coder.example.com").settings.token is None


def test_given_tokens(machine: Machine) -> None:
    machine.log_in("https://coder.example.com")
    path = machine.write("private/token", f" {OTHER}\n")
    machine.configure(f'token_file = "{machine.home}/private/token"')
    assert machine.load().settings.token == Secret(OTHER)
    machine.environ["CODER_SESSION_TOKEN"] = f"{TOKEN}\n"
    loaded = machine.load()
    assert loaded.settings.token == Secret(TOKEN)
    assert loaded.origins["token"] == Origin(OriginKind.ENVIRONMENT, "CODER_SESSION_TOKEN")
    assert machine.load(token_file=str(path)).settings.token == Secret(OTHER)
    loaded = machine.load(token=OTHER)
    assert loaded.settings.token == Secret(OTHER)
    assert "list of processes" in loaded.warnings[0]


def test_a_token_file_may_be_relative_to_the_file_or_to_home(machine: Machine) -> None:
    machine.write(".config/agentdash/token", OTHER)
    machine.write("t", TOKEN)
    machine.configure('token_file = "token"')
    assert machine.load().settings.token == Secret(OTHER)
    machine.configure('token_file = "~/t"')
    assert machine.load().settings.token == Secret(TOKEN)


@pytest.mark.parametrize(
    "flags",
    [
        {"token": TOKEN, "token_file": "x"},
        {"token_file": "/nowhere/at/all"},
        {"token": "a\nb"},
        {"token": "é"},
    ],
)
def test_tokens_that_cannot_be_used(machine: Machine, flags: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        machine.load_with(flags)


def test_the_token_is_nowhere_to_be_read(machine: Machine) -> None:
    loaded = machine.load(url="https://a.example", token=TOKEN, header=["X-Key=hush"])
    text = f"{loaded!r} {loaded} {asdict(loaded.settings)}"
    assert TOKEN not in text
    assert "hush" not in text


def test_other_directories(machine: Machine) -> None:
    machine.log_in("https://a.example", directory="elsewhere")
    machine.environ["CODER_CONFIG_DIR"] = str(machine.home / "elsewhere")
    assert machine.load().settings.url == "https://a.example"
    machine.log_in("https://b.example", directory="other")
    assert machine.load(global_config=str(machine.home / "other")).settings.url == "https://b.example"


@pytest.mark.parametrize(
    ("platform", "environ", "directory"),
    [
        ("linux", {}, ".config"),
        ("freebsd14", {}, ".config"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, ".config"),
        ("linux", {"XDG_CONFIG_HOME": "{home}/xdg"}, "xdg"),
        ("darwin", {"XDG_CONFIG_HOME": "{home}/xdg"}, "Library/Application Support"),
        ("win32", {"APPDATA": "{home}/Roaming"}, "Roaming"),
    ],
)
def test_directories_per_system(
    machine: Machine, platform: str, environ: dict[str, str], directory: str
) -> None:
    machine.platform = platform
    machine.environ = {name: value.format(home=machine.home) for name, value in environ.items()}
    machine.log_in("https://a.example", directory=f"{directory}/coderv2")
    machine.write(f"{directory}/agentdash/config.toml", 'theme = "nord"')
    loaded = machine.load()
    assert loaded.settings.token == Secret(TOKEN)
    assert loaded.settings.theme == "nord"
    assert loaded.file == machine.home / directory / "agentdash" / "config.toml"


def test_the_directory_is_the_usual_one(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(machine.home / "xdg"))
    machine.environ["XDG_CONFIG_HOME"] = str(machine.home / "xdg")
    machine.write("xdg/agentdash/config.toml", 'theme = "nord"')
    file = machine.load().file
    assert file is not None
    assert file.parent == Path(Unix("agentdash").user_config_dir)


def test_headers(machine: Machine) -> None:
    machine.configure('[headers]\nX-File = "f"')
    assert machine.load().settings.headers == {"X-File": Secret("f")}
    machine.environ["CODER_HEADER"] = 'X-A=1,"X-B=2,3=4"'
    assert machine.load().settings.headers == {"X-A": Secret("1"), "X-B": Secret("2,3=4")}
    assert machine.load(header=["X-C=c"]).settings.headers == {"X-C": Secret("c")}


@pytest.mark.parametrize("pair", ["novalue", "=x", "bad name=x", "X=a\r\nEvil: 1", "X=\x00", "X=é"])
def test_headers_that_cannot_be_sent(machine: Machine, pair: str) -> None:
    with pytest.raises(ConfigError) as caught:
        machine.load(header=[pair])
    assert pair not in str(caught.value)
    if "=" in pair and "\x00" not in pair:
        name, _, value = pair.partition("=")
        escaped = value.replace("\r", "\\r").replace("\n", "\\n")
        machine.configure(f'[headers]\n"{name}" = "{escaped}"')
        with pytest.raises(ConfigError):
            machine.load()


def test_switches_in_the_environment(machine: Machine) -> None:
    machine.environ = {"AGENTDASH_READ_ONLY": "1", "AGENTDASH_ASCII": "TRUE", "AGENTDASH_THEME": "nord"}
    settings = machine.load().settings
    assert (settings.read_only, settings.ascii, settings.theme) == (True, True, "nord")
    machine.environ["AGENTDASH_READ_ONLY"] = "maybe"
    with pytest.raises(ConfigError, match="AGENTDASH_READ_ONLY"):
        machine.load()


def test_tables_and_keys(machine: Machine) -> None:
    path = machine.configure(
        """
        leave_key = "ctrl+g"
        [keymap]
        "fleet.restart" = "R, ctrl+r"
        "app.quit" = ""
        "app.help" = ["question_mark", "f1"]
        [terminal]
        scrollback = 5
        [triage]
        slow_start_s = 600
        """
    )
    loaded = machine.load()
    assert loaded.settings.keymap == {
        "fleet.restart": ("R", "ctrl+r"),
        "app.quit": (),
        "app.help": ("question_mark", "f1"),
    }
    assert loaded.settings.leave_key == "ctrl+g"
    assert loaded.settings.terminal.scrollback == 5
    assert loaded.settings.terminal.confirm_paste is True
    assert loaded.settings.triage == {"slow_start_s": 600.0}
    assert loaded.origins["terminal.scrollback"] == Origin(OriginKind.FILE, str(path))
    assert loaded.origins["terminal.confirm_paste"].kind is OriginKind.DEFAULT


def test_a_deployment_may_look_and_ask_differently(machine: Machine) -> None:
    machine.configure(
        """
        theme = "nord"
        [deployments."Prod.example.com:8443"]
        theme = "red"
        confirm = "strict"
        read_only = true
        """
    )
    settings = machine.load(url="https://prod.example.com:8443").settings
    assert (settings.theme, settings.confirm, settings.read_only) == ("red", "strict", True)
    assert machine.load(url="https://prod.example.com").settings.theme == "nord"
    assert machine.load(url="https://prod.example.com:8443", theme="mine").settings.theme == "mine"


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("them = 'x'", "them", "theme"),
        ("[terminal]\nscrolback = 1", "terminal.scrolback", "terminal.scrollback"),
        ("scrollback = 1", "scrollback", "terminal.scrollback"),
        ("[terminl]\nscrollback = 1", "terminl", "terminal"),
        ("qqqq = 1", "qqqq", None),
        ('[deployments."a.b"]\ntheem = 1', 'deployments."a.b".theem', 'deployments."a.b".theme'),
        ("token = 'x'", "token", None),
        ("theme = 5", "theme", None),
        ("terminal = 5", "terminal", None),
        ("[terminal]\nscrollback = -1", "terminal.scrollback", None),
        ("[terminal]\nscrollback = 'many'", "terminal.scrollback", None),
        ("[intervals]\ntrouble_s = inf", "intervals.trouble_s", None),
        ("confirm = 'never'", "confirm", None),
        ("[headers]\nX-A = 1", "headers.X-A", None),
        ('url = "ftp://x"', "url", None),
        ("url = 5", "url", None),
    ],
)
def test_an_error_names_file_key_and_nearest_key(
    machine: Machine, text: str, key: str, nearest: str | None
) -> None:
    path = machine.configure(text)
    with pytest.raises(ConfigError) as caught:
        machine.load()
    assert (caught.value.file, caught.value.key, caught.value.nearest) == (path, key, nearest)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["theme = ", "\x00", "a = 1\na = 2"])
def test_a_file_that_is_not_toml(machine: Machine, text: str) -> None:
    path = machine.configure(text)
    with pytest.raises(ConfigError, match="not TOML") as caught:
        machine.load()
    assert caught.value.file == path


def test_a_file_asked_for_by_name_must_exist(machine: Machine) -> None:
    path = machine.write("my.toml", "ascii = true")
    assert machine.load(config=str(path)).settings.ascii
    machine.environ["AGENTDASH_CONFIG"] = "~/my.toml"
    assert machine.load().settings.ascii
    machine.environ["AGENTDASH_CONFIG"] = str(machine.home / "other.toml")
    with pytest.raises(ConfigError, match="does not exist"):
        machine.load()


def test_certificates(machine: Machine) -> None:
    machine.write(".config/agentdash/ca.pem", "")
    key = machine.write("key.pem", "")
    machine.configure('[tls]\nca_file = "ca.pem"')
    assert machine.load().settings.tls.ca_file == machine.home / ".config/agentdash/ca.pem"
    machine.environ["CODER_CLIENT_TLS_KEY_FILE"] = str(key)
    with pytest.raises(ConfigError, match="both"):
        machine.load()
    with pytest.raises(ConfigError, match="does not exist"):
        machine.load(client_tls_cert_file=str(machine.home / "none.pem"))


def test_a_token_in_the_clear_is_pointed_out(machine: Machine) -> None:
    assert "http" in machine.load(url="http://coder.example.com").warnings[0]
    assert machine.load(url="http://127.0.0.1:3000").warnings == ()
    assert machine.load(url="localhost:3000").settings.url == "http://localhost:3000"


def test_unreadable_login_files_are_named(machine: Machine) -> None:
    machine.log_in("https://coder.example.com")
    (machine.home / ".config/coderv2/url").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        machine.load()
    assert caught.value.file == machine.home / ".config/coderv2/url"
