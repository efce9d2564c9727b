"""Find, merge and check settings: flags over environment over file over what `coder login` left.

The same order and names as Coder's own command line (contract: README §2.3), so that who is logged in there
has nothing to set up here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agentdash.config.addresses import host_of, is_in_clear, is_same_origin, read_address
from agentdash.config.checking import ValueFormError, checked
from agentdash.config.coder_login import (
    KeyringReader,
    login_directory,
    read_line_file,
    read_system_keyring,
    stored_login,
    stored_url,
)
from agentdash.config.errors import ConfigError
from agentdash.config.file import PATHS, config_path, expand, known_keys, read_file
from agentdash.config.headers import check_value, read_csv, read_pairs
from agentdash.config.secret import Secret
from agentdash.config.settings import Settings


class OriginKind(StrEnum):
    """Where a value came from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    LOGIN = "coder login"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: the flag, the variable, or the file."""

    kind: OriginKind
    name: str = ""


DEFAULT = Origin(OriginKind.DEFAULT)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with the story of how they came about."""

    settings: Settings
    origins: Mapping[str, Origin]
    """Origin by key, tables as `terminal.scrollback`; every key that has a value."""
    warnings: tuple[str, ...]
    """What works, and should be known."""
    file: Path | None
    """The configuration file that was read."""


@dataclass(slots=True)
class _Merge:
    """Values by key; the first one given for a key stays."""

    values: dict[str, object] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def offer(self, key: str, value: object, origin: Origin) -> None:
        if value is not None and key not in self.values:
            self.values[key] = value
            self.origins[key] = origin


# key → flag, environment variable
_SOURCES: dict[str, tuple[str, str]] = {
    "url": ("url", "CODER_URL"),
    "header_command": ("header_command", "CODER_HEADER_COMMAND"),
    "organization": ("org", "CODER_ORGANIZATION"),
    "tls.ca_file": ("client_tls_ca_file", "CODER_CLIENT_TLS_CA_FILE"),
    "tls.cert_file": ("client_tls_cert_file", "CODER_CLIENT_TLS_CERT_FILE"),
    "tls.key_file": ("client_tls_key_file", "CODER_CLIENT_TLS_KEY_FILE"),
    "read_only": ("read_only", "AGENTDASH_READ_ONLY"),
    "theme": ("theme", "AGENTDASH_THEME"),
    "ascii": ("ascii", "AGENTDASH_ASCII"),
}
_SWITCHES = frozenset({"read_only", "ascii"})
_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})


def load(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    home: Path,
    platform: str,
    *,
    read_keyring: KeyringReader = read_system_keyring,
) -> Loaded:
    """Load the settings. Reads files and perhaps the keyring; call it before the event loop runs.

    `flags` are named as on the command line with underscores; `None` means not given, a repeated flag is a
    sequence: `url`, `token`, `token_file`, `header`, `header_command`, `org`, `global_config`, `use_keyring`,
    `client_tls_ca_file`, `client_tls_cert_file`, `client_tls_key_file`, `read_only`, `theme`, `ascii`,
    `config`. `platform` is as `sys.platform`. With nothing configured, `settings.url` is `None`. The header
    command is not run.

    Raises:
        ConfigError: Something given cannot be used.
    """
    merge = _Merge()
    path, is_named = config_path(flags.get("config"), environ, home, platform)
    content = read_file(path, must_exist=is_named)
    for key in PATHS:
        text = content.get(key)
        if isinstance(text, str):
            content[key] = str(expand(text, home, path.parent))
    _offer_flags_and_environment(merge, flags, environ)
    from_file = Origin(OriginKind.FILE, str(path))
    merge.offer("url", content.get("url"), from_file)
    directory = Path(
        str(
            flags.get("global_config")
            or environ.get("CODER_CONFIG_DIR")
            or login_directory(environ, home, platform)
        )
    )
    _settle_url(merge, directory, path)
    _offer_deployment(merge, content, from_file)
    for key, value in content.items():
        if key != "token_file":
            merge.offer(key, value, from_file)
    is_default = directory == login_directory(environ, home, platform)
    use_keyring = is_default and _use_keyring(flags, environ)
    _settle_token(merge, flags, environ, content, from_file)
    _offer_login(merge, directory, platform, use_keyring=use_keyring, read_keyring=read_keyring)
    settings = _validated(merge, path)
    _check_tls(settings, merge)
    if settings.url and is_in_clear(settings.url):
        merge.warnings.append("The deployment is reached by http: the token can be read on the way.")
    origins = {
        key: merge.origins.get(key, DEFAULT) for key in (*known_keys(), "token") if key != "token_file"
    }
    return Loaded(settings, origins, tuple(merge.warnings), path if content or is_named else None)


def _offer_flags_and_environment(
    merge: _Merge, flags: Mapping[str, object], environ: Mapping[str, str]
) -> None:
    for key, (flag, variable) in _SOURCES.items():
        merge.offer(key, flags.get(flag), Origin(OriginKind.FLAG, _flag_name(flag)))
        text = environ.get(variable, "")
        if text:
            value = _switch(text, variable) if key in _SWITCHES else text
            merge.offer(key, value, Origin(OriginKind.ENVIRONMENT, variable))
    given = flags.get("header")
    if isinstance(given, Iterable) and not isinstance(given, str):
        pairs = [str(pair) for pair in given]
        if pairs:
            merge.offer("headers", read_pairs(pairs, key="--header"), Origin(OriginKind.FLAG, "--header"))
    text = environ.get("CODER_HEADER", "")
    if text and "headers" not in merge.values:
        merge.offer(
            "headers", read_csv(text, key="CODER_HEADER"), Origin(OriginKind.ENVIRONMENT, "CODER_HEADER")
        )


def _settle_url(merge: _Merge, directory: Path, path: Path) -> None:
    """Bring the address to its one form, or take the one of `coder login`."""
    url = merge.values.get("url")
    if isinstance(url, str):
        origin = merge.origins["url"]
        is_file = origin.kind is OriginKind.FILE
        merge.values["url"] = read_address(
            url, key="url" if is_file else origin.name, file=path if is_file else None
        )
    elif url is None:
        merge.offer("url", stored_url(directory), Origin(OriginKind.LOGIN, str(directory / "url")))


def _offer_deployment(merge: _Merge, content: Mapping[str, object], from_file: Origin) -> None:
    """What the file says for this very deployment goes before what it says for all."""
    url, deployments = merge.values.get("url"), content.get("deployments")
    if not isinstance(url, str) or not isinstance(deployments, Mapping):
        return
    for host, table in deployments.items():
        if str(host).lower() == host_of(url) and isinstance(table, Mapping):
            for key, value in table.items():
                merge.offer(key, value, from_file)


def _settle_token(
    merge: _Merge,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    content: Mapping[str, object],
    from_file: Origin,
) -> None:
    """Take the token that was given for this run, if any."""
    token, token_file = flags.get("token"), flags.get("token_file")
    if token and token_file:
        raise ConfigError("--token and --token-file are both given", "", "Give one of them.", key="--token")
    if token:
        merge.warnings.append("--token can be seen in the list of processes; --token-file cannot.")
        merge.offer("token", _token(str(token), "--token"), Origin(OriginKind.FLAG, "--token"))
    elif token_file:
        merge.offer(
            "token",
            _token_of_file(Path(str(token_file)), "--token-file"),
            Origin(OriginKind.FLAG, "--token-file"),
        )
    elif environ.get("CODER_SESSION_TOKEN", "").strip():
        name = "CODER_SESSION_TOKEN"
        merge.offer("token", _token(environ[name], name), Origin(OriginKind.ENVIRONMENT, name))
    elif isinstance(content.get("token_file"), str):
        merge.offer("token", _token_of_file(Path(str(content["token_file"])), "token_file"), from_file)


def _offer_login(
    merge: _Merge, directory: Path, platform: str, *, use_keyring: bool, read_keyring: KeyringReader
) -> None:
    """Take the stored token, if it is for this deployment."""
    url = merge.values.get("url")
    if not isinstance(url, str) or "token" in merge.values:
        return
    login = stored_login(url, directory, platform, use_keyring=use_keyring, read_keyring=read_keyring)
    if login is not None:
        merge.offer("token", _token(login.token.reveal(), login.place), Origin(OriginKind.LOGIN, login.place))
        return
    owner = stored_url(directory)
    if owner is not None and not is_same_origin(owner, url) and (directory / "session").exists():
        merge.warnings.append(f"You are logged in at {owner}; that token is not sent to {url}.")


def _token(text: str, key: str) -> Secret:
    text = text.strip()
    check_value("Coder-Session-Token", text, key=key)
    return Secret(text)


def _token_of_file(path: Path, key: str) -> Secret:
    text = read_line_file(path)
    if text is None:
        raise ConfigError("the token file is missing or empty", file=path, key=key)
    return _token(text, key)


def _validated(merge: _Merge, path: Path) -> Settings:
    nested: dict[str, object] = {}
    for key, value in merge.values.items():
        table, dot, name = key.partition(".")
        if dot:
            inner = nested.setdefault(table, {})
            assert isinstance(inner, dict)
            inner[name] = value
        else:
            nested[key] = value
    try:
        settings = checked(Settings, nested)
    except ValueFormError as error:
        key = error.key
        origin = _origin_of(key, merge)
        is_file = origin.kind is OriginKind.FILE
        raise ConfigError(
            "the value cannot be used",
            f"{error.reason}.",
            file=path if is_file else None,
            key=key if is_file or not origin.name else origin.name,
        ) from None
    for name, value in settings.headers.items():
        read_pairs([f"{name}={value.reveal()}"], key=_origin_of("headers", merge).name)
    return settings


def _origin_of(key: str, merge: _Merge) -> Origin:
    """Find the origin of a key or of the setting that contains it."""
    parts = key.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((merge.origins[name] for name in names if name in merge.origins), DEFAULT)


def _check_tls(settings: Settings, merge: _Merge) -> None:
    tls = settings.tls
    if (tls.cert_file is None) != (tls.key_file is None):
        given, missing = ("cert_file", "key_file") if tls.cert_file else ("key_file", "cert_file")
        raise ConfigError(
            "a client certificate needs both its files",
            f"tls.{given} is given, tls.{missing} is not.",
            key=_origin_of(f"tls.{given}", merge).name,
        )
    for name in ("ca_file", "cert_file", "key_file"):
        path: Path | None = getattr(tls, name)
        if path is not None and not path.is_file():
            raise ConfigError("the file does not exist", file=path, key=f"tls.{name}")


def _use_keyring(flags: Mapping[str, object], environ: Mapping[str, str]) -> bool:
    given = flags.get("use_keyring")
    if isinstance(given, bool):
        return given
    text = environ.get("CODER_USE_KEYRING", "")
    return _switch(text, "CODER_USE_KEYRING") if text else True


def _switch(text: str, variable: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ConfigError("the value is neither true nor false", "", "Use 1 or 0.", key=variable)


def _flag_name(flag: str) -> str:
    return "--" + flag.replace("_", "-")
