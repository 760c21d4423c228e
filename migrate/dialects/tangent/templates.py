"""One template of Tangent's as a `LegacyRule`: reads of `d[y]`, entries `d[x] = ...`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NoReturn

from migrate.dialects.tangent.helpers import Helpers
from migrate.dialects.tangent.language import OPERATORS, STACKS, gradients
from migrate.rules.legacy_names import LegacyNames
from migrate.rules.legacy_rule import Cotangent, Entry, LegacyRule, Parameter, Unpacked, Zero
from migrate.rules.module import Module
from migrate.rules.names import NameChooser
from migrate.rules.plans import RuleNote
from migrate.syntax.annotations import last_part
from migrate.syntax.forms import is_none, root_of
from migrate.syntax.scopes import Variable, all_parameters, positional_parameters
from migrate.syntax.texts import Pieces

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LEAVING = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal)
_BY_PARTS = frozenset(
    """
    zip enumerate map list tuple len sum reversed iter sorted any all max min
    concatenate stack vstack hstack dstack column_stack array asarray
    """.split()
)


class NotRead(Exception):
    """A template that is left; the message says why."""


class Template:
    """One template, checked: what it reads and writes, and how it is registered."""

    def __init__(self, function: ast.FunctionDef, module: Module, legacy: LegacyNames) -> None:
        self.function, self.module, self.legacy = function, module, legacy
        self.scopes = module.scopes
        self.call = self._registration()
        self.target = self.call.args[0]
        self.operator = self._operator()
        self.output, self.parameters = self._parameters()
        self.reads: list[ast.Subscript] = []  # of the output's
        self.writes: dict[str, list[ast.Subscript]] = {}  # by parameter
        self.rereads: list[ast.Subscript] = []  # of what it has written
        self._take_apart()
        own = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
        self.taken = {n.id for n in own} | {
            a.arg for a in ast.walk(function) if isinstance(a, ast.arg)
        }

    def _no(self, reason: str) -> NoReturn:
        raise NotRead(reason)

    # ---- how it is registered ------------------------------------------------------------

    def _registration(self) -> ast.Call:
        function = self.function
        if not isinstance(function, ast.FunctionDef):
            self._no("a coroutine is no template")
        if len(function.decorator_list) != 1:
            self._no("it is registered for several functions, or has other decorators")
        if isinstance(self.scopes.parents.get(function), ast.ClassDef):
            self._no("it stands in a class")
        (call,) = function.decorator_list
        if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
            self._no("its decorator does not name one function")
        if isinstance(call.args[0], ast.Starred):
            self._no("its decorator does not name one function")
        if getattr(function, "type_params", ()):
            self._no("it is generic")
        first, *others = function.body
        if (
            others
            and others[0].lineno == first.end_lineno
            and ast.get_docstring(function) is not None
        ):
            self._no("statements stand on the line of its docstring")
        scope = self.scopes.around[function]
        if function.name in self.module.exported:
            self._no(f"`{function.name}` is handed on to other files")
        for use in self.scopes.uses.get(self.scopes.variable(function.name, scope), []):
            if not self._is_inlined(use):
                self._no(f"`{function.name}` is used at another place (line {use.lineno})")
        return call

    def _is_inlined(self, use: ast.Name) -> bool:
        """Whether a use of its name stands in the text of a template, where it means what it means
        to who asks for the derivative, or in the own decorator, where it is not defined yet."""
        inner: ast.AST = use
        for around in self.scopes.ancestors(use):
            if isinstance(around, ast.FunctionDef):
                if inner in around.decorator_list:
                    scope = self.scopes.around[around]
                    only = self.scopes.variable(use.id, scope).only
                    return around is self.function and only is not None
                heads = [d.func for d in around.decorator_list if isinstance(d, ast.Call)]
                if any(self.legacy.meaning(head) for head in heads):
                    return True
            inner = around
        return False

    def _operator(self) -> str:
        """The function of `operator` that a node of syntax stands for, if the target is one."""
        module, name = self.module.imported_name(self.target) or ("", "")
        if module in ("gast", "ast"):
            if name not in OPERATORS:
                self._no(f"a template on syntax nodes (`{name}`) is no rule of a function")
            return OPERATORS[name]
        if module.partition(".")[0] == "tangent":
            last = name.rpartition(".")[2]
            if last in STACKS:
                self._no(f"`{last}` keeps Tangent's own stack")
            if last == "Traceable":
                self._no("tracing is Tangent's own: no function has this rule")
        return ""

    def _parameters(self) -> tuple[str, list[ast.arg]]:
        args = self.function.args
        if args.kwarg is not None:
            self._no("`**` in the parameters of a template means nothing to Tangent")
        listed = all_parameters(args)
        if not positional_parameters(args) or listed[0].arg == getattr(args.vararg, "arg", None):
            self._no("it has no parameter for the output")
        if len(positional_parameters(args)) == len(args.defaults):
            self._no("the output has a default")
        return listed[0].arg, listed[1:]

    # ---- what it says --------------------------------------------------------------------

    def _take_apart(self) -> None:
        names = {arg.arg for arg in self.parameters}
        own = self.scopes.own[self.function]
        for node in ast.walk(ast.Module(self.function.body, [])):
            if isinstance(node, _LEAVING):
                word = (
                    "returns"
                    if isinstance(node, ast.Return)
                    else "has " + type(node).__name__.lower()
                )
                self._no(f"a template that {word} is none that Tangent can inline")
        for name in gradients(self.function, self.scopes):
            item = self.scopes.parents[name]
            if not isinstance(item, ast.Subscript) or item.value is not name:
                self._no("it uses `d` in another way than `d[x]`")
            key = item.slice
            text = self.module.source.segment(item)
            if not isinstance(key, ast.Name) or self.scopes.of(key).scope is not own:
                self._no(f"`{text}` is no gradient of a parameter")
            if isinstance(item.ctx, ast.Load):
                if key.id == self.output:
                    self.reads.append(item)
                elif key.id in names:
                    self.rereads.append(item)
                else:
                    self._no(f"it reads `{text}`, which is no parameter")
            elif key.id not in names:
                self._no(f"it writes `{text}`, which is no parameter")
            else:
                self._check_write(item)
                self.writes.setdefault(key.id, []).append(item)
        if not self.writes:
            self._no("it writes no `d[...]`")
        for known in (self.output, *names):
            if not all(isinstance(b, ast.arg | ast.Name) for b in own.variable(known).bindings):
                self._no(f"it gives `{known}` another meaning")
        for item in self.rereads:
            before = self.writes.get(item.slice.id, ())  # type: ignore[attr-defined]
            if not any(w.lineno < item.lineno for w in before):
                self._no(f"it reads `{self.module.source.segment(item)}` before it is written")
        positional = {a.arg for a in positional_parameters(self.function.args)}
        positional.add(getattr(self.function.args.vararg, "arg", ""))
        if not positional.issuperset(self.writes):
            self._no("it gives a gradient to what is passed by name only")

    def _check_write(self, item: ast.Subscript) -> None:
        text = self.module.source.segment(item)
        statement = self.scopes.parents[item]
        while isinstance(statement, ast.Tuple | ast.List):
            statement = self.scopes.parents[statement]
        if not isinstance(statement, ast.Assign):
            self._no(f"it writes `{text}` in another way than `{text} = ...`")
        if any(isinstance(a, _FUNCTIONS) and a is not self.function for a in self._around(item)):
            self._no(f"a function inside of it writes `{text}`")

    def _around(self, node: ast.AST) -> Iterator[ast.AST]:
        for around in self.scopes.ancestors(node):
            if around is self.function:
                return
            yield around

    # ---- the rule ------------------------------------------------------------------------

    def rule(self, names: NameChooser, helpers: Helpers) -> LegacyRule:
        """The rule in the words of the model."""
        return _Maker(self, names, helpers).rule()


class _Maker:
    def __init__(self, template: Template, names: NameChooser, helpers: Helpers) -> None:
        self.template, self.names, self.helpers = template, names, helpers
        self.function, self.module = template.function, template.module
        self.scopes = template.scopes
        self.taken = {*template.taken, "_"}
        self.cotangent = self._fresh(f"d{template.output.strip('_') or 'y'}")
        self.locals = {name: self._fresh(f"d{name}") for name in template.writes}
        self.changes: dict[ast.AST, Pieces] = {}
        self.notes: list[RuleNote] = []

    def _fresh(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def rule(self) -> LegacyRule:
        template, function = self.template, self.function
        doc, statements = self._statements()
        self._read_gradients()
        opening = [*self._filled(), *self._rebound()]
        self.notes += self.helpers.rewrite(function, template.writes, self.changes, self.names)
        entries, statements = self._given(statements)
        if not entries:
            opening += self._started(statements)
        base = function.name
        while f"{base}_pullback" in template.taken:
            base += "_"
        through = "" if self._by_name(base) else self._fresh("callee")
        return LegacyRule(
            base,
            template.target,
            function,
            tuple(self._signature()),
            tuple(self._entries(entries)),
            self.cotangent,
            "" if template.output == "_" else template.output,
            self._arguments(),
            through,
            head=doc,
            opening=tuple(opening),
            within=tuple(statements),
            lazy=len(entries) > 1,
            changes=self.changes,
            notes=tuple(self.notes),
        )

    def _statements(self) -> tuple[tuple[ast.stmt, ...], list[ast.stmt]]:
        """The docstring, and the statements without `pass`."""
        doc, statements = (), list(self.function.body)
        match statements[0]:
            case ast.Expr(value=ast.Constant(value=str())):
                return (statements[0],), statements[1:]
        return doc, statements

    def _given(self, statements: list[ast.stmt]) -> tuple[dict[str, ast.expr], list[ast.stmt]]:
        """The expressions that stand in the return, by parameter, and the statements before it.
        There are none where locals hold the gradients."""
        last, writes = statements[-1], self.template.writes
        vararg = self.function.args.vararg
        once = all(len(items) == 1 for items in writes.values()) and not self.template.rereads
        # an expression in a `Thunk` has no names for the others
        once &= not any(isinstance(n, ast.NamedExpr) for n in self.module.nodes_of(self.function))
        if once and (vararg is None or vararg.arg not in writes):
            if all(map(self._is_entry, statements)):
                return {self._key(s): s.value for s in statements}, []  # type: ignore[attr-defined]
            alone = self._is_entry(last) and statements[-2].end_lineno != last.lineno
            if len(writes) == 1 and alone:
                return {self._key(last): last.value}, statements[:-1]  # type: ignore[attr-defined]
        return {}, statements

    def _is_entry(self, statement: ast.stmt) -> bool:
        """Whether a statement is `d[x] = ...`."""
        match statement:
            case ast.Assign(targets=[ast.Subscript() as target]):
                return any(target in items for items in self.template.writes.values())
        return False

    def _key(self, statement: ast.stmt) -> str:
        return statement.targets[0].slice.id  # type: ignore[attr-defined,no-any-return]

    # ---- what changes --------------------------------------------------------------------

    def _read_gradients(self) -> None:
        for item in self.template.reads:
            self.changes[item] = (self.cotangent,)
        for name, items in self.template.writes.items():
            self.changes |= dict.fromkeys(items, (self.locals[name],))
            for item in items:
                statement = self.scopes.parents[item]
                if isinstance(statement, ast.Assign) and is_none(statement.value):
                    self.changes[statement.value] = (f"{self.names.use('ZeroTangent')}()",)
        for item in self.template.rereads:
            self.changes[item] = (self.locals[item.slice.id],)  # type: ignore[attr-defined]

    def _filled(self) -> Iterator[Pieces]:
        """A cotangent that is taken apart has no zero for a part."""
        if self.template.output != "_" and any(map(self._by_parts, self.template.reads)):
            filled = self.names.use("filled")
            yield (f"{self.cotangent} = {filled}({self.cotangent}, {self.template.output})",)

    def _by_parts(self, item: ast.Subscript) -> bool:
        parent = self.scopes.parents[item]
        match parent:
            case ast.Subscript(value=value):
                return value is item
            case ast.Call(func=func):
                known = self.module.imported_name(func) is not None or self.helpers.name(func)
                return func is not item and (last_part(func) in _BY_PARTS or not known)
            case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.Attribute() | ast.keyword():
                return False
        return not (isinstance(parent, ast.Assign) and self._is_entry(parent))

    def _rebound(self) -> Iterator[Pieces]:
        """A parameter that the template gives another value is another variable in the pullback."""
        own = self.scopes.own[self.function]
        for arg in all_parameters(self.function.args):
            variable: Variable = own.variable(arg.arg)
            if len(variable.bindings) > 1:
                name = self._fresh(f"{arg.arg}_")
                for use in self.scopes.uses[variable]:
                    self.changes.setdefault(use, (name,))
                yield (f"{name} = {arg.arg}",)

    def _started(self, statements: list[ast.stmt]) -> Iterator[Pieces]:
        """Zeros for what is written in a branch."""
        args = self.function.args
        for name, items in self.template.writes.items():
            if not any(self._statement(item) in statements for item in items):
                zero = f"{self.names.use('ZeroTangent')}()"
                stars = args.vararg is not None and args.vararg.arg == name
                yield (f"{self.locals[name]} = {f'[{zero}] * len({name})' if stars else zero}",)

    def _statement(self, item: ast.AST) -> ast.AST:
        while not isinstance(item, ast.stmt):
            item = self.scopes.parents[item]
        return item

    # ---- the head ------------------------------------------------------------------------

    def _by_name(self, base: str) -> bool:
        """Whether the target means the same in the rule, whenever that runs."""
        if self.template.operator:
            return True
        root = root_of(self.template.target)
        own = {*self.scopes.own[self.function].bindings, f"{base}_pullback"}
        if root is None or root.id in own:
            return False
        variable = self.scopes.of(root)
        if variable.scope is None or variable.bindings == [self.function]:
            return True
        return variable.scope is self.scopes.module and variable.only is not None

    def _signature(self) -> Iterator[Parameter]:
        args = self.function.args
        defaults = dict(
            zip(reversed(positional_parameters(args)), reversed(args.defaults), strict=False)
        )
        defaults |= {
            a: v for a, v in zip(args.kwonlyargs, args.kw_defaults, strict=True) if v is not None
        }
        for number, arg in enumerate(all_parameters(args)):
            if number:
                lead = "*" if arg is args.vararg else ""
                given = defaults.get(arg)
                annotation = "" if arg.annotation is None else self.module.text(arg.annotation)
                default = "" if given is None else self.module.text(given)
                yield Parameter(arg.arg, annotation, default, lead)
            if arg in args.posonlyargs[-1:] and number:
                yield Parameter("/")
            if arg in positional_parameters(args)[-1:] and args.kwonlyargs and not args.vararg:
                yield Parameter("", lead="*")

    def _arguments(self) -> str:
        """Defaults go by keyword: the primal may have other parameters between them."""
        args = self.function.args
        places = positional_parameters(args)
        plain = len(places) if args.vararg else len(places) - len(args.defaults)
        plain = max(plain, len(args.posonlyargs))
        given = [arg.arg for arg in places[1:plain]]
        given += [f"*{args.vararg.arg}"] if args.vararg is not None else []
        named = [*places[plain:], *args.kwonlyargs]
        return ", ".join([*given, *(f"{arg.arg}={arg.arg}" for arg in named)])

    def _entries(self, entries: dict[str, ast.expr]) -> Iterator[Entry]:
        args = self.function.args
        for arg in positional_parameters(args)[1:]:
            if arg.arg not in self.locals:
                yield Zero("NoTangent")
            elif arg.arg in entries:
                yield Cotangent(entries[arg.arg])
            else:
                yield Cotangent((self.locals[arg.arg],), runs=False)
        if args.vararg is not None:
            name = args.vararg.arg
            zeros = f"[{self.names.use('NoTangent')}()] * len({name})"
            yield Unpacked((self.locals.get(name, zeros),))
