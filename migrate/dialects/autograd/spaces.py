"""Vector spaces that makers of autograd 1.1 are given: what a rule reads in their place."""

from __future__ import annotations

import ast

from migrate.dialects.autograd.helpers import asked, numpy_name
from migrate.dialects.autograd.makers import Maker, variables_of
from migrate.dialects.autograd.rule import Rule
from migrate.rules.names import NameChooser
from migrate.syntax.texts import Pieces


class Spaces:
    """The spaces of one rule; a shape is asked for once, before the pullback."""

    def __init__(self, rule: Rule, names: NameChooser) -> None:
        self.rule, self.names = rule, names
        self.numpy = numpy_name(rule.module)
        self.changes: dict[ast.AST, Pieces] = {}
        self.reads_output = False
        self._found: dict[tuple[str, str], str] = {}  # of what, which attribute -> its name

    def read(self, maker: Maker, argument: str) -> None:
        """Change what a maker reads of the spaces of its argument and of the output."""
        assert maker.function is not None and maker.tangent is not None
        scopes = self.rule.module.scopes
        roles = [maker.leading("vs"), maker.leading("gvs")]
        variables = variables_of(maker.function, roles, self.rule.module)
        of = dict(zip(variables, (argument, self.rule.output), strict=False))
        names = [n for n in ast.walk(maker.tangent) if isinstance(n, ast.Name)]
        for node in sorted(names, key=lambda n: (n.lineno, n.col_offset)):
            if (variable := scopes.of(node)) in of:
                self.reads_output |= of[variable] == self.rule.output
                self._read(node, of[variable])

    def _read(self, node: ast.Name, value: str) -> None:
        above = self.rule.module.scopes.parents.get(node)
        if isinstance(above, ast.Attribute) and self.numpy:
            call = self.rule.module.scopes.parents.get(above)
            if asked(self.numpy, above.attr, (value,)):
                self.changes[above] = (self._name(value, above.attr),)
                return
            if above.attr == "zeros" and isinstance(call, ast.Call) and call.func is above:
                parts = f"{self._name(value, 'shape')}, {self._name(value, 'dtype')}"
                self.changes[call] = (f"{self.numpy}.zeros({parts})",)
                return
        self.changes[node] = (f"{self.names.use('Space')}({value})",)

    def _name(self, value: str, attribute: str) -> str:
        if (value, attribute) not in self._found:
            wanted = attribute
            if attribute in self._found.values():
                wanted = f"{value}_{attribute}"
            name = self.rule.free(wanted)
            while name in self._found.values() or name in self.rule.new_names:
                name += "_"
            self._found[value, attribute] = name
        return self._found[value, attribute]

    def lines(self) -> list[Pieces]:
        """The statements that ask for what is read."""
        return [
            (f"{name} = ", *asked(self.numpy, attribute, (value,)))
            for (value, attribute), name in self._found.items()
        ]
