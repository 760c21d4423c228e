"""Zygote's rules, spelled in Python: `@adjoint def f(x): ... return y, back`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.dialects.zygote.signs import handed_on as handed_on
from migrate.dialects.zygote.signs import modules as modules
from migrate.dialects.zygote.signs import words as words

if TYPE_CHECKING:
    from migrate.dialects.zygote.reading import Rules
    from migrate.model import ModuleSource
    from migrate.options import Options
    from migrate.rules.module import Module

by_default = True


def read(module: Module, options: Options, module_source: ModuleSource | None) -> Rules | None:
    """The rules of a file and its other legacy calls."""
    from migrate.dialects.zygote.reading import read_rules

    return read_rules(module, options, module_source)
