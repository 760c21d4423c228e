"""Reads `[tool.rrule-migrate]` of the nearest pyproject.toml (or rrule-migrate.toml) for each folder."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from migrate.command.errors import Stop

OWN_FILE = "rrule-migrate.toml"
SHARED_FILE = "pyproject.toml"
FILES = frozenset({OWN_FILE, SHARED_FILE})
TABLE = "rrule-migrate"


#: The legacy languages that the converter reads.
DIALECTS = ("adjoint",)


class ConfigError(Stop):
    """A settings file that cannot be obeyed; the message names the file, the trouble and the remedy."""


@dataclass(frozen=True)
class Config:
    """The settings that hold for one folder. Each field from `exclude` on is a key, with `-` for `_`."""

    folder: str  # absolute; `exclude` is relative to it
    source: str | None = None  # the file that says so
    exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    gitignore: bool = True
    dialects: tuple[str, ...] = DIALECTS
    legacy_modules: tuple[str, ...] = ()
    runtime: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    advise: bool = False
    fix_style: bool = False
    mark: bool = False


class Finder:
    """Finds the settings of folders and keeps them; one per run."""

    def __init__(self, explicit: str | None = None) -> None:
        self._known: dict[str, Config] = {}
        self._explicit: Config | None = None
        if explicit is not None:
            self._explicit = self._read_explicit(explicit)

    def nearest(self, folder: str) -> Config:
        """For an absolute folder: its own settings, else its parent's, up to the root of its repository."""
        if self._explicit is not None:
            return self._explicit
        known = self._known.get(folder)
        if known is None:
            parent = os.path.dirname(folder)
            known = read(folder)
            if (
                known is None
                and parent != folder
                and not os.path.lexists(os.path.join(folder, ".git"))
            ):
                known = self.nearest(parent)
            if known is None:
                known = Config(folder)
            self._known[folder] = known
        return known

    def below(self, parent: Config, folder: str, holds_settings: bool) -> Config:
        """Like `nearest`, for a walk that knows the parent's settings and what the folder holds."""
        if self._explicit is not None or not holds_settings:
            return parent
        return read(folder) or parent

    def _read_explicit(self, path: str) -> Config:
        folder = os.path.dirname(os.path.abspath(path))
        found = _read_file(path, folder, shared=os.path.basename(path) == SHARED_FILE)
        return found or Config(folder, path)


def read(folder: str) -> Config | None:
    """The settings that the folder itself holds."""
    for name in (OWN_FILE, SHARED_FILE):
        try:
            found = _read_file(os.path.join(folder, name), folder, shared=name == SHARED_FILE)
        except FileNotFoundError:
            continue
        if found is not None:
            return found
    return None


def _read_file(path: str, folder: str, *, shared: bool) -> Config | None:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; check its permissions"
        ) from None
    if shared and TABLE.encode() not in data:  # most pyproject.toml files: not worth a parser
        return None
    import tomllib

    try:
        parsed: Any = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    if shared or "tool" in parsed:
        parsed = parsed.get("tool", {}).get(TABLE)
        if parsed is None:
            return None
    return _from_table(parsed, path, folder, data.decode())


def _from_table(table: Any, path: str, folder: str, text: str) -> Config:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.{TABLE}] must be a table")
    allowed = {field.name.replace("_", "-"): field for field in fields(Config)[2:]}
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = f"{path}{_line_of(key, text)}"
        field = allowed.get(key.replace("_", "-"))
        if field is None:
            raise ConfigError(f"{place}: unknown key {key!r}{_nearest(key, allowed, 'keys')}")
        values[field.name] = checked = _checked(key, value, str(field.type), place)
        if field.name in ("select", "ignore"):
            from migrate.command.selection import check_codes

            check_codes(checked, f"{place}: {key}")
        if field.name == "dialects":
            _check_dialects(checked, place)
        if field.name in ("legacy_modules", "runtime"):
            for name in (checked,) if isinstance(checked, str) else checked:
                if not is_module_name(name):
                    raise ConfigError(
                        f"{place}: {key}: {name!r} is no name of a module, such as 'mylib.compat'"
                    )
    return Config(folder, path, **values)


def _line_of(key: str, text: str) -> str:
    """`:3`, where the key stands in the table of this tool; nothing if it is not found."""
    import re

    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if TABLE in line and "[" in line), 0)
    for number, line in enumerate(lines[start:], start + 1):
        if re.match(rf"[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=", line):
            return f":{number}"
    return ""


def _check_dialects(names: tuple[str, ...], place: str) -> None:
    for name in names:
        if name not in DIALECTS:
            raise ConfigError(
                f"{place}: unknown dialect {name!r}{_nearest(name, DIALECTS, 'dialects')}"
            )
    if not names:
        raise ConfigError(
            f"{place}: dialects must name at least one of {', '.join(DIALECTS)}; "
            "to leave files alone, use exclude"
        )


def is_module_name(name: str) -> bool:
    """Whether an import statement can name it."""
    from keyword import iskeyword

    return all(part.isidentifier() and not iskeyword(part) for part in name.split("."))


def _checked(key: str, value: object, kind: str, path: str) -> Any:
    if kind.startswith("tuple"):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ConfigError(
            f'{path}: {key} must be a list of strings, such as ["a", "b"], not {value!r}'
        )
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{path}: {key} must be true or false, not {value!r}")
    if isinstance(value, str):
        return value
    raise ConfigError(f"{path}: {key} must be a string, not {value!r}")


def _nearest(key: str, allowed: Collection[str], what: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key.replace("_", "-"), allowed, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; the {what} are {', '.join(sorted(allowed))}"
