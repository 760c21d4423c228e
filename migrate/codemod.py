"""The conversion as a command of libcst's own tool, for those who run all their codemods by it.

    python -m libcst.tool codemod -x --no-format migrate.codemod.ConvertRules PATH...

The files come out as `rrule-migrate PATH...` writes them, by the same settings. Which files there
are, and what is left alone in them, is libcst's to say: it has neither `exclude` nor `--diff`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from migrate.command.config import Finder
from migrate.command.modules import Memory, NearbyModules
from migrate.convert import convert_source
from migrate.model import FileConverted, FileFailed, Options


@lru_cache(maxsize=1)
def _memory() -> Memory:
    """What is known of modules that files import: libcst makes a new command for each file."""
    return Memory()


class ConvertRules(CodemodCommand):
    """Converts the legacy rules of a module to rrules."""

    DESCRIPTION = "Rewrite legacy gradient rules into rrules."

    def __init__(self, context: CodemodContext) -> None:
        super().__init__(context)
        self.finder = Finder()

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The module with its rules converted; what is left is a warning."""
        path = os.path.abspath(self.context.filename or "module.py")
        # libcst keeps no lone carriage return at the end, and no form feed before a statement
        data = Path(path).read_bytes() if self.context.filename else tree.bytes
        options: Options = self.finder.nearest(os.path.dirname(path)).settings
        outcome = convert_source(data, path, options, NearbyModules(path, _memory()))
        if isinstance(outcome, FileFailed):
            raise SkipFile(f"{outcome.code} {outcome.reason}; {outcome.remedy}")
        for rule in outcome.left:
            self.warn(f"{path}:{rule.line} {rule.name} is left: {rule.code} {rule.reason}")
        if not isinstance(outcome, FileConverted):
            return tree
        new = cst.parse_module(outcome.after, config=tree.config_for_parsing)
        if new.bytes != outcome.after:
            raise SkipFile("libcst does not print it as it is written: run rrule-migrate for it")
        return new
