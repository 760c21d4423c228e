"""HIPS autograd's rules: `defvjp(f, lambda ans, x: lambda g: ..., None)`, as far as they are lambdas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.dialects.autograd.reading import Rules
    from migrate.model import ModuleSource
    from migrate.options import Options
    from migrate.rules.module import Module

words = (b"defvjp",)
modules = ("autograd", "autograd.extend", "autograd.core", "autograd.numpy.numpy_vjps")
handed_on = b""
by_default = False


def read(module: Module, options: Options, module_source: ModuleSource | None) -> Rules | None:
    """The rules of a file."""
    from migrate.dialects.autograd.reading import read_rules

    return read_rules(module, options, module_source)
