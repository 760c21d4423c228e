"""What calls give, in the data flow: functions of the module, of Python, of numpy,
of the legacy language, and methods."""

from __future__ import annotations

import ast

from migrate.dialects.zygote.flow.store import Store
from migrate.dialects.zygote.flow.values import (
    ARRAY,
    COTANGENT_ARRAY,
    NUMERIC,
    PLAIN,
    TANGENT,
    UNKNOWN,
    Atom,
    Atoms,
    Back,
    Bound,
    Function,
    Held,
    Nothing,
    Site,
)
from migrate.syntax.forms import iterated_alone
from migrate.syntax.numeric import (
    ARRAY_METHODS,
    LISTS_OF_ARRAYS,
    SCALAR_BUILTINS,
    SEVERAL_RESULTS,
    is_object_dtype,
)
from migrate.syntax.scopes import FunctionNode, all_parameters, positional_parameters


class Calls:
    """Runs the calls of a flow."""

    def __init__(self, flow: Store) -> None:
        self.flow = flow

    def call(self, node: ast.Call) -> Atoms:
        arguments = [self.flow.value(a) for a in node.args]
        keywords = {k.arg: self.flow.value(k.value) for k in node.keywords}
        meaning = self.flow.view.legacy.meaning(node.func)
        if meaning is not None:
            return self._legacy_call(meaning, node, arguments)
        if isinstance(node.func, ast.Name):
            variable = self.flow.view.scopes.of(node.func)
            if variable.scope is None:
                return self._builtin(node.func.id, node, arguments, keywords)
        imported = self.flow.view.imported_name(node.func)
        if imported is not None:
            known = self._imported_call(imported, node, arguments)
            if known is not None:
                return known
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, arguments, keywords)
        return self.apply(self.flow.value(node.func), node, arguments, keywords)

    def apply(
        self,
        callees: Atoms,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms] | None = None,
        starred: bool | None = None,
    ) -> Atoms:
        """Call one of these with those arguments."""
        found: Atoms = set()
        if starred is None:
            starred = any(isinstance(a, ast.Starred) for a in node.args)
        for callee in callees:
            if isinstance(callee, Function):
                found |= self._call_function(callee.node, node, arguments, keywords or {}, starred)
            elif isinstance(callee, Bound):
                target, before, named = self.flow.bound[callee.node]
                given = [self.flow.atoms(b) for b in before]
                both = {k.arg: self.flow.atoms(k.value) for k in named} | (keywords or {})
                more = any(isinstance(b, ast.Starred) for b in before)
                found |= self.apply(target, node, given + arguments, both, starred or more)
            elif isinstance(callee, Back):
                found.add(self._gradients(callee.node, callee.kind, node))
            elif callee is NUMERIC:
                found.add(ARRAY)
            elif not isinstance(callee, Nothing):  # None cannot be called
                found.add(UNKNOWN)
        return found

    def _call_function(
        self,
        function: FunctionNode,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
        starred: bool,
    ) -> Atoms:
        self.flow.add(function)
        callers = self.flow.callers.setdefault(function, [])
        if node not in callers:
            callers.append(node)
        parameters = positional_parameters(function.args)
        if starred:
            star = next((i for i, a in enumerate(node.args) if isinstance(a, ast.Starred)), 0)
            lead = star if len(arguments) == len(node.args) else 0  # that have a place of their own
            everything: Atoms = set()
            for atoms, given in zip(arguments[lead:], node.args[lead:], strict=False):
                everything |= self.flow.elements(atoms) if isinstance(given, ast.Starred) else atoms
            for arg, atoms in zip(parameters, arguments[:lead], strict=False):
                self.flow.give(self.flow.parameter(function, arg), atoms)
            for arg in parameters[lead:]:
                self.flow.give(self.flow.parameter(function, arg), everything)
            extra = everything.union(*arguments[len(parameters) : lead])
        else:
            for arg, atoms in zip(parameters, arguments, strict=False):
                self.flow.give(self.flow.parameter(function, arg), atoms)
            extra = set().union(*arguments[len(parameters) :]) if arguments else set()
        if function.args.vararg is not None and extra:
            site = self.flow.site(function, "tuple", "varargs")
            self.flow.grow(site.rest, extra)
            self.flow.give(self.flow.parameter(function, function.args.vararg), {Held(site)})
        elif function.args.vararg is not None:
            site = self.flow.site(function, "tuple", "varargs")
            self.flow.give(self.flow.parameter(function, function.args.vararg), {Held(site)})
        names = {a.arg: a for a in all_parameters(function.args)}
        for name, atoms in keywords.items():
            if name is None:
                for arg in names.values():
                    self.flow.give(self.flow.parameter(function, arg), self.flow.elements(atoms))
            elif name in names:
                self.flow.give(self.flow.parameter(function, names[name]), atoms)
        if function in self.flow.yields:
            return {Held(self.flow.yields[function])}
        return self._returned(function)

    def _returned(self, function: FunctionNode) -> Atoms:
        found = set(self.flow.returns.get(function, set()))
        if not self.flow.rewriting or self.flow.view.editable(function):
            return found
        # Nothing inside a function that stays as it is can be changed,
        # so its Nones and its containers stay legacy.
        kept: Atoms = set()
        for atom in found:
            kept.add(UNKNOWN if isinstance(atom, (Nothing, Held)) else atom)
        self.flow.withheld |= kept != found
        return kept

    def _legacy_call(self, meaning: str, node: ast.Call, arguments: list[Atoms]) -> Atoms:
        if meaning in ("pullback", "_pullback"):
            pair = self.flow.site(node, "tuple")
            self.flow.set_exact(
                pair,
                [
                    self.flow.value_of(arguments[meaning == "_pullback" :], node),
                    {Back("args" if meaning == "pullback" else "all", node)},
                ],
            )
            return {Held(pair)}
        if meaning == "gradient":
            return {self._gradients(node, "args", node)}
        if meaning == "accum":
            found: Atoms = set()
            for given, atoms in zip(node.args, arguments, strict=True):
                found |= self.flow.elements(atoms) if isinstance(given, ast.Starred) else atoms
            return found
        if meaning == "hook" and len(arguments) == 2:
            for callee in arguments[0]:
                if isinstance(callee, Function):
                    self.apply({callee}, node, [{TANGENT}], None, False)
            return arguments[1]
        if meaning == "ignore" and len(arguments) == 1:
            return self.apply(arguments[0], node, [], None, False)
        if meaning == "dropgrad" and arguments:
            return arguments[0]
        if meaning in ("literal_getproperty", "literal_getfield") and arguments:
            return {TANGENT} if TANGENT in arguments[0] else {PLAIN}
        return {PLAIN}

    def _gradients(self, asked: ast.Call, kind: str, node: ast.Call) -> Held:
        """The result of a pullback of the AD, which `asked` has given."""
        site = self.flow.site(node, "tuple", "result")
        site.gradients = kind
        exact = self.flow.gradients_of(asked, kind)
        if exact is None:
            self.flow.grow(site.rest, {TANGENT})
        else:
            self.flow.set_exact(site, exact)
        return Held(site)

    def _imported_call(
        self, dotted: tuple[str, str], node: ast.Call, arguments: list[Atoms]
    ) -> Atoms | None:
        module, name = dotted
        if self.flow.view.is_numeric(module):
            for callee in set().union(*arguments) if arguments else set():
                if isinstance(callee, Function):  # np.vectorize(f), np.apply_along_axis(f, …)
                    self.apply({callee}, node, [{ARRAY}], None, True)
            if name in LISTS_OF_ARRAYS and node.args:
                pieces = self.flow.site(node, "list")
                self.flow.grow(pieces.rest, {ARRAY})
                return {Held(pieces)}
            several = self._gives_several(name.rpartition(".")[2], node)
            return {UNKNOWN} if several or self._holds_objects(name, node, arguments) else {ARRAY}
        last = name.rpartition(".")[2]
        if module == "functools" and last == "partial" and node.args:
            self.flow.bound[node] = (arguments[0], node.args[1:], node.keywords)
            return {Bound(node)}
        if module == "functools" and last == "reduce" and len(arguments) >= 2:
            items = self.flow.elements(arguments[1])
            start = arguments[2] if len(arguments) > 2 else set()
            if self.flow.view.legacy.meaning(node.args[0]) == "accum":
                return items | start
            result = items | start | self.flow.memo.get(node, set())
            return result | self.apply(arguments[0], node, [result, items], None, False)
        if module == "itertools" and last in ("chain", "chain.from_iterable", "from_iterable"):
            site = self.flow.site(node, "iterator")
            for given, atoms in zip(node.args, arguments, strict=True):
                inner = self.flow.elements(atoms)
                if isinstance(given, ast.Starred) or name.endswith("from_iterable"):
                    inner = self.flow.elements(inner)
                self.flow.grow(site.rest, inner)
            return {Held(site)}
        if module == "itertools" and last in (
            "repeat",
            "islice",
            "cycle",
            "accumulate",
            "takewhile",
        ):
            site = self.flow.site(node, "iterator")
            if last == "repeat":
                self.flow.grow(site.rest, arguments[0])
            else:
                self.flow.grow(site.rest, set().union(*[self.flow.elements(a) for a in arguments]))
            return {Held(site)}
        if module == "itertools" and last == "zip_longest":
            return self._zip(node, arguments, {Nothing(node, "zip")})
        if module == "copy" and last in ("copy", "deepcopy") and arguments:
            return arguments[0]
        if module == "operator":
            everything = set().union(*arguments) if arguments else set()
            if TANGENT in everything:
                return {TANGENT}
            doubtful = any(a is UNKNOWN or isinstance(a, Held) for a in everything)
            return {UNKNOWN if doubtful else ARRAY}
        if module == "types" and last == "MappingProxyType" and arguments:
            return arguments[0]
        if module == "collections" and last in ("OrderedDict", "defaultdict"):
            site = self.flow.site(node, "dict")
            for atoms in arguments:
                self.flow.update(site, atoms)
            for keyword in node.keywords:
                self.flow.grow(
                    site.by_key.setdefault(keyword.arg, set()), self.flow.atoms(keyword.value)
                )
            return {Held(site)}
        if module == "collections" and last == "deque":
            site = self.flow.site(node, "list")
            for atoms in arguments[:1]:
                self.flow.grow(site.rest, self.flow.elements(atoms))
            return {Held(site)}
        return None

    def _holds_objects(self, name: str, node: ast.Call, arguments: list[Atoms]) -> bool:
        """Whether an array is made that can hold None, dicts and the like:
        its dtype says so, or it starts full of None."""
        dtypes = [*node.args[1:], *[k.value for k in node.keywords if k.arg == "dtype"]]
        if any(is_object_dtype(d) for d in dtypes):
            return True
        elements = self.flow.elements(arguments[0]) if arguments else set()
        if name.rpartition(".")[2] in ("full", "full_like") and len(arguments) > 1:
            elements = arguments[1]
        return bool(elements) and all(isinstance(a, Nothing) for a in elements)

    def _gives_several(self, name: str, node: ast.Call) -> bool:
        """Whether a function of numpy may give a tuple or a list with these arguments."""
        if name == "where":
            return len(node.args) != 3
        if name in ("unique", "average", "linspace"):
            return bool(node.keywords)
        if name.startswith("atleast_"):
            return len(node.args) != 1 or isinstance(node.args[0], ast.Starred)
        return name in SEVERAL_RESULTS

    def _zip(self, node: ast.Call, arguments: list[Atoms], extra: Atoms) -> Atoms:
        outer = self.flow.site(node, "iterator")
        starred = [isinstance(a, ast.Starred) for a in node.args]
        if any(starred) and len(starred) > 1:
            mixed = self.flow.site(node, "tuple", "row")
            for star, atoms in zip(starred, arguments, strict=True):
                inner = self.flow.elements(atoms)
                self.flow.grow(mixed.rest, self.flow.elements(inner) if star else inner)
            self.flow.grow(mixed.rest, extra)
            self.flow.grow(outer.rest, {Held(mixed)})
            return {Held(outer)}
        if any(starred):
            rows = self.flow.elements(arguments[0])
            widths = {
                len(r.site.exact)
                for r in rows
                if isinstance(r, Held) and r.site.exact is not None and not r.site.rest
            }
            exactly = len(widths) == 1 and all(
                isinstance(r, Held) and r.site.exact is not None and not r.site.rest for r in rows
            )
            if exactly:
                width = widths.pop()
                columns: list[Atoms] = []
                for number in range(width):
                    column = self.flow.site(node, "tuple", f"column{number}")
                    for row in rows:
                        if isinstance(row, Held) and row.site.exact is not None:
                            self.flow.grow(column.rest, row.site.exact[number])
                    columns.append({Held(column)})
                self.flow.set_exact(outer, columns)
            else:
                column = self.flow.site(node, "tuple", "columns")
                self.flow.grow(column.rest, self.flow.elements(rows))
                self.flow.grow(outer.rest, {Held(column)})
                self.flow.forget_exact(outer)
            return {Held(outer)}
        for atoms in arguments:
            if any(isinstance(a, Held) and a.site.copied for a in atoms):
                self.flow.copy_keys(outer, atoms)
        row_site = self.flow.site(node, "tuple", "row")
        self.flow.set_exact(row_site, [self.flow.elements(a) | extra for a in arguments])
        self.flow.grow(outer.rest, {Held(row_site)})
        return {Held(outer)}

    def _builtin(
        self,
        name: str,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
    ) -> Atoms:
        first = arguments[0] if arguments else set()
        if name in ("tuple", "list", "set", "frozenset", "sorted", "iter", "reversed"):
            kind = {"tuple": "tuple", "list": "list", "sorted": "list"}.get(name, "iterator")
            site = self.flow.site(node, "set" if "set" in name else kind)
            single = next(iter(first)) if len(first) == 1 else None
            exact = single.site.exact if isinstance(single, Held) else None
            if exact is not None and isinstance(single, Held) and not single.site.rest:
                if name in ("tuple", "list", "reversed"):
                    self.flow.set_exact(
                        site, list(reversed(exact)) if name == "reversed" else exact
                    )
                    return {Held(site)}
            if not arguments and name in ("tuple", "list"):
                self.flow.set_exact(site, [])
            for callee in keywords.get("key", set()):
                if isinstance(callee, Function):
                    self.apply({callee}, node, [self.flow.elements(first)], None, False)
            if arguments and name in ("tuple", "list", "reversed"):
                self.flow.forget_exact(site)
            self.flow.grow(site.rest, self.flow.elements(first))
            return {Held(site)}
        if name == "dict":
            site = self.flow.site(node, "dict")
            for atoms in arguments:
                self.flow.update(site, atoms)
            for key, atoms in keywords.items():
                if key is None:
                    self.flow.update(site, atoms)
                else:
                    self.flow.grow(site.by_key.setdefault(key, set()), atoms)
            return {Held(site)}
        if name == "zip":
            return self._zip(node, arguments, set())
        if name == "enumerate":
            outer, row = self.flow.site(node, "iterator"), self.flow.site(node, "tuple", "row")
            self.flow.set_exact(row, [{ARRAY}, self.flow.elements(first)])
            self.flow.grow(outer.rest, {Held(row)})
            return {Held(outer)}
        if name == "map" and arguments:
            copied = self._copying(node.args[0])
            if copied is not None and len(arguments) == 2:
                return self._map_copies(node, copied, arguments[1])
            site = self.flow.site(node, "iterator")
            inner = [self.flow.elements(a) for a in arguments[1:]]
            starred = any(isinstance(a, ast.Starred) for a in node.args)
            if starred:
                inner = [set().union(*[self.flow.elements(i) | i for i in inner])]
            self.flow.grow(site.rest, self.apply(first, node, inner, None, starred))
            return {Held(site)}
        if name == "filter" and len(arguments) == 2:
            site = self.flow.site(node, "iterator")
            self.flow.grow(site.rest, self.flow.elements(arguments[1]))
            self.apply(
                {a for a in first if isinstance(a, Function)},
                node,
                [self.flow.elements(arguments[1])],
                None,
                False,
            )
            return {Held(site)}
        if name == "next":
            return self.flow.elements(first) | (arguments[1] if len(arguments) > 1 else set())
        if name == "sum":
            inner_all = self.flow.elements(first)
            if any(isinstance(a, Held) for a in inner_all):
                site = self.flow.site(node, "tuple")
                self.flow.grow(site.rest, self.flow.elements(inner_all))
                return {Held(site)}
            return {TANGENT} if TANGENT in inner_all else {ARRAY}
        if name in ("max", "min"):
            found = set(first) if len(arguments) > 1 else self.flow.elements(first)
            for atoms in arguments[1:]:
                found |= atoms
            for callee in keywords.get("key", set()):
                if isinstance(callee, Function):
                    self.apply({callee}, node, [self.flow.elements(first) | first], None, False)
            return {a for a in found if not isinstance(a, Nothing)} or {ARRAY}
        if name == "range":
            site = self.flow.site(node, "iterator")
            self.flow.grow(site.rest, {ARRAY})
            return {Held(site)}
        if name == "getattr" and len(arguments) >= 2:
            return self.flow.attribute(first, "?") | (arguments[2] if len(arguments) > 2 else set())
        if name in SCALAR_BUILTINS:
            for callee in first:
                if isinstance(callee, Function) and name not in ("callable", "id", "isinstance"):
                    self.apply({callee}, node, [], None, False)
            return {ARRAY}
        if name in ("vars", "globals", "locals", "dir"):
            return {PLAIN}
        return {UNKNOWN}

    def _copying(self, node: ast.expr) -> str | None:
        """`list` and `tuple` as functions."""
        if self.flow.view.scopes.is_unbound(node):
            return node.id if node.id in ("list", "tuple") else None
        return None

    def _map_copies(self, node: ast.Call, kind: str, rows: Atoms) -> Atoms:
        """`map(list, zip(*pairs))`: every column as a list."""
        outer = self.flow.site(node, "iterator")
        single = next(iter(rows)) if len(rows) == 1 else None
        exact = single.site.exact if isinstance(single, Held) and not single.site.rest else None
        if exact is not None:
            columns: list[Atoms] = []
            for number, row in enumerate(exact):
                column = self.flow.site(node, kind, f"column{number}")
                self.flow.grow(column.rest, self.flow.elements(row))
                columns.append({Held(column)})
            self.flow.set_exact(outer, columns)
            return {Held(outer)}
        inner = self.flow.site(node, kind, "row")
        self.flow.grow(inner.rest, self.flow.elements(self.flow.elements(rows)))
        self.flow.grow(outer.rest, {Held(inner)})
        self.flow.forget_exact(outer)
        return {Held(outer)}

    def _method(
        self,
        node: ast.Call,
        func: ast.Attribute,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
    ) -> Atoms:
        name = func.attr
        if self.flow.view.scopes.is_unbound(func.value):
            if func.value.id == "dict" and name == "fromkeys" and arguments:
                site = self.flow.site(node, "dict")
                given = arguments[1] if len(arguments) > 1 else {Nothing(node, "fromkeys")}
                self.flow.grow(site.rest, given)
                return {Held(site)}
        base = self.flow.value(func.value)
        found: Atoms = set()
        for atom in base:
            if isinstance(atom, Held):
                found |= self._container_method(atom.site, name, node, arguments, keywords)
            elif atom is TANGENT or (
                atom is COTANGENT_ARRAY and name in ("get", "items", "keys", "values")
            ):
                found |= self._tangent_method(name, node, arguments)
            elif atom in (ARRAY, COTANGENT_ARRAY):
                objects = name == "tolist" or (
                    name == "astype" and any(map(is_object_dtype, node.args))
                )
                found.add(UNKNOWN if objects else ARRAY)
            elif atom is PLAIN:
                found.add(self._plain_method(name))
            else:
                found.add(UNKNOWN)
        return found

    def _plain_method(self, name: str) -> Atom:
        if name in self.flow.view.methods:
            return UNKNOWN  # of a class of the user's that has the name of an array's
        if name == "copy":
            return PLAIN  # of a list or a dict, perhaps
        return ARRAY if name in ARRAY_METHODS or name in ("format", "join") else UNKNOWN

    def _tangent_method(self, name: str, node: ast.Call, arguments: list[Atoms]) -> Atoms:
        if name == "get":
            return {TANGENT} | (arguments[1] if len(arguments) > 1 else set())
        if name in ("items", "values", "keys"):
            # Only the keys that were given are there: fine one by one, not where positions count.
            part: Atoms = {TANGENT} if iterated_alone(node, self.flow.view.scopes) else {UNKNOWN}
            outer = self.flow.site(node, "iterator")
            outer.copied = True
            if name == "items":
                row = self.flow.site(node, "tuple", "row")
                self.flow.set_exact(row, [{ARRAY}, part])
                self.flow.grow(outer.rest, {Held(row)})
            else:
                self.flow.grow(outer.rest, part if name == "values" else {ARRAY})
            return {Held(outer)}
        return {ARRAY} if name in ARRAY_METHODS else {UNKNOWN}

    def _container_method(
        self,
        site: Site,
        name: str,
        node: ast.Call,
        arguments: list[Atoms],
        keywords: dict[str | None, Atoms],
    ) -> Atoms:
        first = arguments[0] if arguments else set()
        if name in ("append", "appendleft", "add"):
            self.flow.grow(site.rest, first)
            self.flow.forget_exact(site)
            return {ARRAY}
        if name in ("extend", "extendleft"):
            self.flow.grow(site.rest, self.flow.elements(first))
            self.flow.forget_exact(site)
            return {ARRAY}
        if name == "insert" and len(arguments) == 2:
            self.flow.grow(site.rest, arguments[1])
            self.flow.forget_exact(site)
            return {ARRAY}
        if name == "update":
            for atoms in arguments:
                self.flow.update(site, atoms)
            for key, atoms in keywords.items():
                if key is None:
                    self.flow.update(site, atoms)
                else:
                    self.flow.grow(site.by_key.setdefault(key, set()), atoms)
            return {ARRAY}
        if name == "setdefault":
            given = arguments[1] if len(arguments) > 1 else {Nothing(node, "get")}
            self.flow.grow(site.rest, given)
            return site.elements()
        if name == "get":
            default = arguments[1] if len(arguments) > 1 else {Nothing(node, "get")}
            return (self.flow.item(site, node.args[0], None) if node.args else set()) | default
        if name in ("pop", "popleft", "popitem"):
            more = arguments[1] if len(arguments) > 1 else set()
            return site.elements() | more
        if name == "items":
            outer, row = self.flow.site(node, "iterator"), self.flow.site(node, "tuple", "row")
            self.flow.copy_keys(outer, {Held(site)})
            self.flow.set_exact(row, [{ARRAY}, site.elements()])
            self.flow.grow(outer.rest, {Held(row)})
            return {Held(outer)}
        if name == "values":
            inner = self.flow.site(node, "iterator")
            self.flow.copy_keys(inner, {Held(site)})
            self.flow.grow(inner.rest, site.elements())
            return {Held(inner)}
        if name == "keys":
            inner = self.flow.site(node, "iterator")
            self.flow.copy_keys(inner, {Held(site)})
            self.flow.grow(inner.rest, {ARRAY})
            return {Held(inner)}
        if name == "copy":
            return {Held(site)}
        if name in ("index", "count", "reverse", "sort", "clear", "remove", "discard"):
            self.flow.forget_exact(site) if name in ("reverse", "sort") else None
            return {ARRAY}
        return {UNKNOWN}
