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


def read(module: Module, options: Options, module_source: ModuleSource | None) -> Rules | None:
    """The rules of a file and its other legacy calls."""
    from migrate.dialects.zygote.language import language
    from migrate.rules.legacy_names import find_legacy_names

    spoken = language(options.modules_of("zygote"))
    legacy = find_legacy_names(module.scopes, spoken, module_source)
    if not legacy:
        return None
    from migrate.dialects.zygote.reading import read_rules  # and libcst with it

    return read_rules(module, options, legacy)
