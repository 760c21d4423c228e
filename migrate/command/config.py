"""Reads `[tool.rrule-migrate]` of the nearest pyproject.toml (or
rrule-migrate.toml) for each folder."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.command.errors import Stop
from migrate.options import Declared, Settings, declared

OWN_FILE = "rrule-migrate.toml"
SHARED_FILE = "pyproject.toml"
FILES = frozenset({OWN_FILE, SHARED_FILE})
TABLE = "rrule-migrate"
_NAMED = re.compile(rb"(?i)r?rule[-_. ]?mig")  # the table, or what may be meant for it


class ConfigError(Stop):
    """A settings file that cannot be obeyed;
    the message names the file, the trouble and the remedy."""


@dataclass(frozen=True)
class Config:
    """The settings that hold for one folder."""

    folder: str  # absolute; `exclude` is relative to it
    source: str | None = None  # the file that says so
    settings: Settings = field(default_factory=Settings)


class Finder:
    """Finds the settings of folders and keeps them; one per run.
    `line` is what the command line says."""

    def __init__(self, explicit: str | None = None, line: Mapping[str, Any] | None = None) -> None:
        self._line = line or {}
        self._known: dict[str, Config] = {}
        self._explicit: Config | None = None
        if explicit is not None:
            self._explicit = self._read_explicit(explicit)

    def nearest(self, folder: str) -> Config:
        """For an absolute folder: its own settings, else its parent's,
        up to the root of its repository."""
        if self._explicit is not None:
            return self._explicit
        known = self._known.get(folder)
        if known is None:
            parent = os.path.dirname(folder)
            known = self._read(folder)
            if (
                known is None
                and parent != folder
                and not os.path.lexists(os.path.join(folder, ".git"))
            ):
                known = self.nearest(parent)
            if known is None:
                known = self._config(folder, None, {})
            self._known[folder] = known
        return known

    def below(self, parent: Config, folder: str, holds_settings: bool) -> Config:
        """Like `nearest`, for a walk that knows the parent's settings and what the folder holds."""
        if self._explicit is not None or not holds_settings:
            return parent
        return self._read(folder) or parent

    def _read_explicit(self, path: str) -> Config:
        folder = os.path.dirname(os.path.abspath(path))
        said = _read_file(path, shared=os.path.basename(path) == SHARED_FILE)
        return self._config(folder, path, said or {})

    def _read(self, folder: str) -> Config | None:
        """The settings that the folder itself holds."""
        for name in (OWN_FILE, SHARED_FILE):
            path = os.path.join(folder, name)
            try:
                said = _read_file(path, shared=name == SHARED_FILE)
            except FileNotFoundError:
                continue
            if said is not None:
                return self._config(folder, path, said)
        return None

    def _config(self, folder: str, source: str | None, said: Mapping[str, Any]) -> Config:
        """What the command line says comes before what the file says, or beside it."""
        values: dict[str, Any] = {}
        for name, _, default, option in declared(Settings):
            given = [given[name] for given in (said, self._line) if name in given]
            if name == "exclude":  # patterns hold where they are said: Discovery has the line's
                values[name] = said.get(name, default)
            elif option.joins:
                words = (word for words in (default, *given) for word in words)
                values[name] = tuple(dict.fromkeys(words))
            elif given:
                values[name] = given[-1]
        return Config(folder, source, Settings(**values))


def _read_file(path: str, *, shared: bool) -> dict[str, Any] | None:
    """What the file says, by the names of the fields of Settings."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; check its permissions"
        ) from None
    if shared and not _NAMED.search(data):  # most pyproject.toml files: not worth a parser
        return None
    import tomllib

    try:
        parsed: Any = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    if shared or "tool" in parsed:
        whole, tools = parsed, parsed.get("tool", {})
        parsed = tools.get(TABLE)
        if parsed is None:
            _refuse_misspelt(whole, tools, path, data.decode())
            return None
    return _from_table(parsed, path, data.decode())


def _refuse_misspelt(whole: dict[str, Any], tools: dict[str, Any], path: str, text: str) -> None:
    """A table that is meant for this tool, and that nobody reads."""
    from difflib import get_close_matches

    for names, place in ((tools, "tool."), (whole, "")):
        tables = [name for name, value in names.items() if isinstance(value, dict)]
        for name in get_close_matches(TABLE, tables, n=1, cutoff=0.8):
            where = f"{path}{_line_of_table(name, text)}"
            raise ConfigError(f"{where}: [{place}{name}] is not read; did you mean [tool.{TABLE}]?")


def _line_of_table(name: str, text: str) -> str:
    lines = text.splitlines()
    return next((f":{n}" for n, line in enumerate(lines, 1) if "[" in line and name in line), "")


def _from_table(table: Any, path: str, text: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.{TABLE}] must be a table")
    allowed = {
        name.replace("_", "-"): (name, kind, option) for name, kind, _, option in declared(Settings)
    }
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = f"{path}{_line_of(key, text)}"
        known = allowed.get(key.replace("_", "-"))
        if known is None:
            raise ConfigError(f"{place}: unknown key {key!r}{_nearest(key, allowed, 'keys')}")
        name, kind, option = known
        if option.word == "module" and isinstance(value, dict):
            value = _by_dialect(value, key, place)
        values[name] = checked = _checked(key, value, kind, place)
        check_words(option, checked, place, key)
    return values


def _by_dialect(table: dict[str, Any], key: str, place: str) -> list[str]:
    """`legacy-modules.autograd = ["mylib.ad"]` -> modules of one dialect alone."""
    found = []
    for dialect, modules in table.items():
        if not isinstance(modules, list) or not all(isinstance(m, str) for m in modules):
            raise ConfigError(f"{place}: {key}.{dialect} must be a list of strings")
        found += [f"{dialect}:{module}" for module in modules]
    return found


def check_words(option: Declared, value: Any, place: str, key: str = "") -> None:
    """Each word must be of the kind that the option asks for; `place` and `key` say who said it."""
    where = f"{place}: {key}" if key else place
    words: tuple[str, ...] = (value,) if isinstance(value, str) else value
    if option.word == "code":
        from migrate.command.selection import check_codes

        check_codes(words, where)
    if option.word == "dialect":
        from migrate.dialects import names

        for name in words:
            if name not in names():
                raise ConfigError(
                    f"{place}: unknown dialect {name!r}{_nearest(name, names(), 'dialects')}"
                )
        if not words:
            raise ConfigError(
                f"{where} must name at least one of {', '.join(names())}; "
                "to leave files alone, use exclude"
            )
    if option.choices and (wrong := [one for one in words if one not in option.choices]):
        raise ConfigError(f"{where} must be {' or '.join(option.choices)}, not {wrong[0]!r}")
    if option.word == "module":
        from migrate.dialects import names

        dialects = [one.rpartition(":")[0] for one in words if ":" in one and option.joins]
        for name in dialects:
            if name not in names():
                raise ConfigError(
                    f"{where}: unknown dialect {name!r}{_nearest(name, names(), 'dialects')}"
                )
        words = tuple(one.rpartition(":")[2] if option.joins else one for one in words)
    if option.word == "module" and (wrong := [one for one in words if not is_module_name(one)]):
        wanted = "is no name of a module" if key else "say the name of a module"
        said = f"{where}: {wrong[0]!r} " if key else f"{place} {wrong[0]!r}: "
        raise ConfigError(f"{said}{wanted}, such as mylib.compat")


def _line_of(key: str, text: str) -> str:
    """`:3`, where the key stands in the table of this tool; nothing if it is not found."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if TABLE in line and "[" in line), 0)
    for number, line in enumerate(lines[start:], start + 1):
        if re.match(rf"[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=", line):
            return f":{number}"
    return ""


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
