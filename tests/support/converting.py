"""Short ways to what the converter makes of a text, for its tests."""

from __future__ import annotations

import ast
import textwrap

from migrate.convert import convert_source
from migrate.dialects.zygote.find import Candidates, find
from migrate.dialects.zygote.language import language
from migrate.dialects.zygote.module import ModuleView
from migrate.model import (
    FileConverted,
    FileUnchanged,
    ModuleSource,
    Options,
    Outcome,
)
from migrate.rules.legacy_names import LegacyNames, find_legacy_names
from migrate.syntax.scopes import Scopes, analyse_scopes
from migrate.syntax.source import Source, read_source


def text_of(text: str) -> str:
    """An indented literal as the text of a file."""
    return textwrap.dedent(text).lstrip("\n")


def outcome_of(
    text: str, options: Options | None = None, modules: ModuleSource | None = None
) -> Outcome:
    return convert_source(text_of(text).encode(), "example.py", options or Options(), modules)


def converted(
    text: str, options: Options | None = None, modules: ModuleSource | None = None
) -> str:
    """The new text; what is left as it was fails."""
    outcome = outcome_of(text, options, modules)
    assert isinstance(outcome, FileConverted), outcome
    assert not outcome.left, outcome.left
    compile(outcome.after, "<converted>", "exec", dont_inherit=True)
    again = convert_source(outcome.after, "example.py", options or Options(), modules)
    assert isinstance(again, FileUnchanged), again
    return outcome.after.decode()


def source_of(text: str) -> Source:
    return read_source(text_of(text).encode())


def scopes_of(text: str) -> tuple[ast.Module, Scopes]:
    tree = ast.parse(text_of(text))
    return tree, analyse_scopes(tree)


def names_of(
    text: str, modules: ModuleSource | None = None, more: tuple[str, ...] = ()
) -> LegacyNames:
    _, scopes = scopes_of(text)
    return find_legacy_names(scopes, language(more), modules)


def view_of(text: str) -> tuple[ModuleView, Candidates]:
    """A module as the analysis sees it, and what it found to convert."""
    source = source_of(text)
    scopes = analyse_scopes(source.tree)
    legacy = find_legacy_names(scopes, language(()), None)
    found = find(ModuleView(source, scopes, legacy, frozenset()))
    functions = frozenset(r.function for r in found.rules if r.function is not None)
    return ModuleView(source, scopes, legacy, functions), found
