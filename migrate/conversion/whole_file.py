"""One file, in memory: read once, converted in attempts,
and converted again to see that nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.dialects import chosen, load
from migrate.model import FileConverted, FileUnchanged, ModuleSource, Nearby, Options
from migrate.rules.module import Module
from migrate.syntax.scopes import analyse_scopes
from migrate.syntax.source import Source, read_source
from migrate.write.gate import GateFailure

if TYPE_CHECKING:
    from migrate.rules.reading import Reading


def rewrite_file(
    data: bytes, path: str, options: Options, module_source: ModuleSource | None
) -> FileConverted | FileUnchanged:
    """Convert one file, and see that converting the result changes nothing;
    raises SourceError and GateFailure."""
    outcome, new = _rewrite(data, path, options, module_source, read_source(data))
    if isinstance(outcome, FileConverted) and new is not None and options.only is None:
        again, _ = _rewrite(outcome.after, path, options, module_source, new)
        if isinstance(again, FileConverted):
            raise GateFailure("converting the result again would change it")
    return outcome


def _rewrite(
    data: bytes, path: str, options: Options, module_source: ModuleSource | None, source: Source
) -> tuple[FileConverted | FileUnchanged, Source | None]:
    """The outcome for a file that is parsed, and its new text parsed."""
    taken: frozenset[str] = frozenset()
    if isinstance(module_source, Nearby):
        taken = module_source.taken()
    module = Module(source, analyse_scopes(source.tree), taken=taken)
    readings = list(_readings(module, options, module_source))
    if not readings:
        return FileUnchanged(path), None
    from migrate.conversion.attempts import Conversion  # and libcst with it, only where needed

    conversion = Conversion(data, path, options, module, readings)
    return conversion.outcome(), conversion.new


def _readings(
    module: Module, options: Options, module_source: ModuleSource | None
) -> Iterator[Reading]:
    """The file as each dialect reads it that finds its language there."""
    spoken = {name: load(name) for name in chosen(options.dialects)}
    for name, dialect in spoken.items():
        # a module that the user calls a legacy one may be that of another language
        others = {m for n, other in spoken.items() if n != name for m in other.modules}
        more = tuple(m for m in options.legacy_modules if m not in others)
        reading = dialect.read(module, replace(options, legacy_modules=more), module_source)
        if reading is not None:
            yield reading
