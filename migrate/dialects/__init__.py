"""The legacy languages: a module or a folder each, loaded from here and listed nowhere.

What the scan asks for (`words`, `modules`) stands in a dialect's own `__init__`, which imports no
parser; its machinery is imported when a file is read.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from migrate.scan import Signs

if TYPE_CHECKING:
    from migrate.model import ModuleSource
    from migrate.options import Options
    from migrate.rules.module import Module
    from migrate.rules.reading import Reading


class Dialect(Protocol):
    """What a module in this folder offers. The first line of its docstring says what it reads."""

    #: Words of which a file with rules has at least one.
    words: tuple[bytes, ...]
    #: The modules whose names are the language; settings add to them.
    modules: tuple[str, ...]
    #: A name that a file may have from a module of the user's; none where that is not followed.
    handed_on: bytes

    def read(
        self, module: Module, options: Options, module_source: ModuleSource | None
    ) -> Reading | None:
        """The rules of a file; None where it does not speak the language."""


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Every dialect there is, by the name of its file or folder."""
    places = [(name, os.path.join(top, name)) for top in __path__ for name in os.listdir(top)]
    return tuple(  # pkgutil says it, too, and delays every start
        sorted(
            name.removesuffix(".py")
            for name, path in places
            if name[0] != "_"
            and (name.endswith(".py") or os.path.exists(os.path.join(path, "__init__.py")))
        )
    )


def load(name: str) -> Dialect:
    """One dialect."""
    return cast("Dialect", import_module(f"{__name__}.{name}"))


def chosen(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The dialects to convert: those that the user names, or all."""
    return wanted or names()


def first_line(name: str) -> str:
    """What a dialect says of itself."""
    return (getattr(load(name), "__doc__", None) or "").partition("\n")[0]


@lru_cache(maxsize=64)
def signs(wanted: tuple[str, ...], more_modules: tuple[str, ...]) -> tuple[Signs, ...]:
    """What the scan looks for; `more_modules` are the user's."""
    # a module of the user's may be imported relatively, by its last part alone
    more = [module.rpartition(".")[2] for module in more_modules]
    found = []
    for dialect in map(load, chosen(wanted)):
        heads = [module.partition(".")[0] for module in dialect.modules]
        named = tuple(name.encode() for name in (*heads, *more))
        found.append(Signs(dialect.words, named, dialect.handed_on))
    return tuple(found)


def signs_for(options: Options) -> tuple[Signs, ...]:
    """What the scan looks for in a conversion with these options."""
    return signs(options.dialects, options.modules_of())


def modules_of(options: Options) -> tuple[str, ...]:
    """Every module that a conversion with these options takes for a legacy one."""
    own = (module for name in chosen(options.dialects) for module in load(name).modules)
    return (*own, *options.modules_of())
