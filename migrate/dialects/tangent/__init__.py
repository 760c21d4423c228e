"""Google Tangent's templates: `@adjoint(f) def f(y, x): d[x] = ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.dialects.tangent.signs import handed_on as handed_on
from migrate.dialects.tangent.signs import modules as modules
from migrate.dialects.tangent.signs import words as words

if TYPE_CHECKING:
    from migrate.dialects.tangent.reading import Rules
    from migrate.model import ModuleSource
    from migrate.options import Options
    from migrate.rules.module import Module


def read(module: Module, options: Options, module_source: ModuleSource | None) -> Rules | None:
    """The templates of a file; None where it has none."""
    from migrate.dialects.tangent.language import find_names

    # a module of the user's may speak either language whose word is `adjoint`: which, is to be said
    named = tuple(m for m in options.legacy_modules if m.startswith("tangent:"))
    alone = options.dialects == ("tangent",)
    more = options.modules_of("tangent") if alone else tuple(m.partition(":")[2] for m in named)
    legacy = find_names(module, more, module_source)
    if not legacy:
        return None
    from migrate.dialects.tangent.reading import Rules

    rules = Rules(module, legacy)
    return rules if rules.are_tangents() else None
