"""Zygote's rules, spelled in Python: `@adjoint def f(x): ... return y, back`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.dialects.zygote.reading import Rules
    from migrate.model import ModuleSource
    from migrate.options import Options
    from migrate.rules.module import Module

words = (b"adjoint", b"nograd", b"literal_get", b"dropgrad", b"accum", b"ignore", b"hook")
modules = ("zygote_rules", "zygote", "rules_runtime.legacy")
handed_on = b"adjoint"
by_default = True


def read(module: Module, options: Options, module_source: ModuleSource | None) -> Rules | None:
    """The rules of a file and its other legacy calls."""
    from migrate.dialects.zygote.reading import read_rules

    return read_rules(module, options, module_source)
