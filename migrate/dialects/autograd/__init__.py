"""HIPS autograd's rules: `defvjp(f, lambda ans, x: lambda g: ..., None)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.dialects.autograd.signs import handed_on as handed_on
from migrate.dialects.autograd.signs import modules as modules
from migrate.dialects.autograd.signs import words as words

if TYPE_CHECKING:
    from migrate.dialects.autograd.reading import Rules
    from migrate.model import ModuleSource
    from migrate.options import Options
    from migrate.rules.module import Module


def read(module: Module, options: Options, module_source: ModuleSource | None) -> Rules | None:
    """The rules of a file; None where nothing of autograd's is imported."""
    from migrate.dialects.autograd.language import legacy_names

    legacy = legacy_names(module, options.modules_of("autograd"), module_source)
    if legacy is None:
        return None
    from migrate.dialects.autograd.reading import Rules  # and libcst with it

    return Rules(module, legacy, options)
