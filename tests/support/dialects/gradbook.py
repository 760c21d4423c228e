"""A language made up for tests: `set_gradient(f, lambda x, dy: dx)`."""

import ast

from migrate.rules.legacy_names import Language, find_legacy_names
from migrate.rules.legacy_rule import Cotangent, LegacyRule, Parameter
from migrate.rules.plans import Found, Left
from migrate.rules.reading import Reading
from migrate.rules.unused import Unused
from migrate.write.rule import made_anew

words, modules, handed_on = (b"set_gradient",), ("gradbook",), b""


def read(module, options, module_source):
    language = Language(frozenset({"set_gradient"}), modules)
    legacy = find_legacy_names(module.scopes, language, module_source)
    return Rules(module, legacy) if legacy else None


class Rules(Reading):
    def __init__(self, module, legacy):
        self.module, self.legacy = module, legacy
        calls = [s for s in module.source.tree.body if isinstance(s, ast.Expr)]
        calls = [s for s in calls if legacy.meaning(getattr(s.value, "func", s.value))]
        names = [module.text(s.value.args[0]) for s in calls]
        self.rules = tuple(
            Found(n, n, n, s, module.source.span(s), (s,)) for n, s in zip(names, calls)
        )

    def plan(self, found, work):
        target, maker = found.node.value.args
        if not isinstance(maker, ast.Lambda):
            return Left("RM206", "its gradient is no lambda")
        x, dy = (arg.arg for arg in maker.args.args)
        entries = (Cotangent(maker.body),)
        rule = LegacyRule(found.name, target, found.node, (Parameter(x),), entries, dy)
        return made_anew(rule, work.names, self.module.source)

    def leaving(self, work):
        consumed = {f.node.value.func for f in self.rules if f in work.done}
        return Unused(self.module, self.legacy, work.edits, consumed).leaving()
