"""The configuration file: found, read, and its keys checked against the settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from pathlib import Path

from agentdash.config.checking import kinds
from agentdash.config.coder_login import config_root
from agentdash.config.errors import ConfigError
from agentdash.config.settings import Deployment, Settings

FILE_ONLY = ("token_file",)
"""Keys of the file that are no settings themselves."""
PATHS = ("tls.ca_file", "tls.cert_file", "tls.key_file", "token_file")
"""Keys whose relative values are relative to the file."""


def tables() -> dict[str, type]:
    """Give the settings that are tables of their own, by name."""
    return {
        name: kind for name, kind in kinds(Settings).items() if isinstance(kind, type) and is_dataclass(kind)
    }


def known_keys() -> list[str]:
    """List every key that the file may hold, tables as `table.key`."""
    keys = [*FILE_ONLY]
    for name in kinds(Settings):
        table = tables().get(name)
        if table is not None:
            keys += [f"{name}.{key}" for key in kinds(table)]
        elif name != "token":
            keys.append(name)
    return keys


def config_path(flag: object, environ: Mapping[str, str], home: Path, platform: str) -> tuple[Path, bool]:
    """Give the file to read, and whether it was asked for by name (then it must exist)."""
    named = str(flag or "") or environ.get("AGENTDASH_CONFIG", "")
    if named:
        return expand(named, home, Path()), True
    return config_root(environ, home, platform) / "agentdash" / "config.toml", False


def expand(text: str, home: Path, base: Path) -> Path:
    """Resolve `~/` and paths relative to `base`."""
    if text == "~" or text.startswith(("~/", "~\\")):
        return home / text[2:]
    return base / text


def read_file(path: Path, *, must_exist: bool) -> dict[str, object]:
    """Read the file into flat keys (`terminal.scrollback`); empty if there is none.

    Raises:
        ConfigError: Missing though asked for by name, unreadable, not TOML, or with a key that is not known.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        if not must_exist:
            return {}
        raise ConfigError("the configuration file does not exist", file=path) from None
    except OSError as error:
        raise ConfigError("the configuration file cannot be read", f"{error.strerror}.", file=path) from None
    except UnicodeDecodeError:
        raise ConfigError("the configuration file is not UTF-8", file=path) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("the configuration file is not TOML", f"{error}.", file=path) from None
    values = dict(_flat(content, path))
    _check_deployments(values.get("deployments"), path)
    return values


def _flat(content: Mapping[str, object], path: Path) -> Iterator[tuple[str, object]]:
    known = known_keys()
    for name, value in content.items():
        table = tables().get(name)
        if name == "token":
            raise ConfigError(
                "a token does not belong in the configuration file",
                "Such files are copied and shared.",
                "Use `coder login`, CODER_SESSION_TOKEN, or token_file with the path of a private file.",
                file=path,
                key=name,
            )
        if table is None:
            if name not in known:
                raise unknown_key(name, [*known, *tables()], path)
            yield name, value
            continue
        if not isinstance(value, Mapping):
            raise ConfigError("this is a table", "", f"Write it as [{name}].", file=path, key=name)
        for key, item in value.items():
            full = f"{name}.{key}"
            if full not in known:
                raise unknown_key(full, known, path)
            yield full, item


def _check_deployments(value: object, path: Path) -> None:
    if not isinstance(value, Mapping):
        return
    for host, table in value.items():
        for key in table if isinstance(table, Mapping) else ():
            if key not in kinds(Deployment):
                known = [f'deployments."{host}".{name}' for name in kinds(Deployment)]
                raise unknown_key(f'deployments."{host}".{key}', known, path)


def unknown_key(key: str, known: list[str], path: Path) -> ConfigError:
    """Name the nearest known key: by the whole name, else by its last part (`scrollback` in the wrong table)."""
    nearest = get_close_matches(key, known, n=1, cutoff=0.7)
    if not nearest:
        last = key.rpartition(".")[2]
        by_last = {name.rpartition(".")[2]: name for name in known}
        nearest = [by_last[name] for name in get_close_matches(last, by_last, n=1, cutoff=0.7)]
    return ConfigError("unknown key", file=path, key=key, nearest=nearest[0] if nearest else None)
