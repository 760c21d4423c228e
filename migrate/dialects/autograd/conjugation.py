"""Whether conjugation provably changes nothing in a rule, so that it needs no `@unconjugated`.

Autograd pairs complex cotangents without conjugation: a vjp of its own is right here between two
conjugations, `conj(vjp(conj(g)))`. Both go where that is `vjp(g)` for every g: the function takes
no complex value, or the tangent is made of the cotangent and of real values alone, by functions
that go together with conjugation. What else an argument or the output is read for is its shape.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntFlag
from functools import reduce
from types import MappingProxyType

from migrate.dialects.autograd.installed import dotted_name, parameters, refuses_complex
from migrate.rules.module import Module
from migrate.syntax.annotations import last_part
from migrate.syntax.scopes import FunctionNode, Variable, all_parameters, positional_parameters


class Kind(IntFlag):
    """What is known of a value."""

    REAL = 0  # the same whether the cotangent is conjugated or not, and real
    GIVEN = 1  # conjugated where the cotangent is
    FIXED = 2  # may be complex, and has nothing to do with the cotangent
    OTHER = 4  # neither the one nor the other


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Functions and attributes that say how an array is laid out.
_LAYOUT = _words(
    """shape ndim size dtype itemsize nbytes iscomplex len result_type metadata vspace zeros ones empty eye identity tri
    zeros_like ones_like empty_like isscalar iscomplexobj isrealobj isinstance issubclass type hasattr callable range slice
    finfo iinfo normalize_axis_index normalize_axis_tuple indices str repr bool id"""
)
#: Functions that give real values or indices for whatever they are given, and the same for
#: conjugates.
_EVEN = _words(
    """abs absolute real isfinite isnan isinf any all logical_and logical_or logical_not logical_xor equal not_equal
    nonzero flatnonzero count_nonzero balanced_eq isclose allclose array_equal"""
)
#: Functions that give real values or indices, and others for conjugates.
_ODD = _words(
    """imag angle argsort argmax argmin searchsorted lexsort greater greater_equal less less_equal iscomplex int float
    unravel_index ravel_multi_index argpartition argwhere"""
)
#: Functions that give the conjugate for conjugates.
_EQUIVARIANT = _words(
    """add subtract multiply divide true_divide negative positive reciprocal square power exp sin cos sinh cosh tanh
    sum mean cumsum cumprod prod nansum average trace dot matmul inner outer vdot tensordot einsum kron cross
    conj conjugate reshape ravel transpose swapaxes moveaxis rollaxis roll flip fliplr flipud rot90 expand_dims squeeze
    concatenate stack vstack hstack dstack column_stack block split array_split hsplit vsplit dsplit unstack repeat tile
    broadcast_to broadcast_arrays diag diagonal diagflat make_diagonal triu tril take take_along_axis where select choose
    array asarray asanyarray ascontiguousarray copy atleast_1d atleast_2d atleast_3d pad diff gradient full full_like
    append insert delete compress extract meshgrid ix_ linspace arange polyval convolve correlate matrix_transpose permute_dims
    linalg.solve linalg.inv linalg.det linalg.matrix_power linalg.solve_triangular fft.fftshift fft.ifftshift
    solve_triangular linalg.pinv concatenate_args array_from_args tuple list dict zip enumerate reversed sum set iter next
    getval replace_zero repeat_to_match_shape match_complex unbroadcast neg pos mul sub truediv itemgetter deepcopy"""
)
#: Parameters that say where and how much, and not what.
_PLACES = _words(
    """axis axes axis1 axis2 axisa axisb axisc source destination shift k n ord order shape newshape new_shape dtype reps
    repeats num offset offsets indices indices_or_sections obj start stop_axis casting keepdims mode pad_width N M ddof
    subscripts condition condlist like device copy subok where indexing endpoint a_axis step"""
)
#: Methods of arrays whose arguments say where and how much.
_METHODS = _words(
    """sum mean cumsum cumprod prod trace reshape transpose swapaxes repeat take astype squeeze ravel flatten copy
    diagonal conj conjugate tolist item fill"""
)
_UNBROADCAST = _words("unbroadcast_f unbroadcast")
#: Packages whose functions are known by their names.
_KNOWN = _words("numpy scipy autograd math cmath operator copy")
_MUTATING = _words("append extend insert add update setdefault")
_REAL_CLASSES = _words("float int bool str")


def takes_no_complex(target: ast.expr, module: Module) -> bool:
    """Whether a function certainly takes no complex value, and gives none."""
    match target:
        case ast.Call(args=[inner], keywords=[]):  # `primitive(f)`
            return takes_no_complex(inner, module)
        case ast.Name():
            variable = module.scopes.of(target)
            if isinstance(variable.only, ast.FunctionDef):
                return _is_annotated_real(variable.only)
            given = module.constant(variable)
            if given is not None:
                return takes_no_complex(given, module)
    return refuses_complex(dotted_name(target, module))


def _is_annotated_real(function: ast.FunctionDef) -> bool:
    notes = [arg.annotation for arg in all_parameters(function.args)]
    return bool(notes) and all(map(_is_real_class, [*notes, function.returns]))


def _is_real_class(annotation: ast.expr | None) -> bool:
    return annotation is not None and last_part(annotation) in _REAL_CLASSES


def is_needless(
    makers: Iterable[ast.expr | FunctionNode],
    module: Module,
    *,
    cotangent: int | None = None,
    by_ad: Mapping[ast.expr, ast.expr | None] = MappingProxyType({}),
) -> bool:
    """Whether these makers' tangents are the same without conjugation.

    Of the older spellings a maker takes the cotangent itself, as the parameter at that place.
    `by_ad` are the calls that ask the AD that called the rule, which pairs as rules here do, with
    the cotangents that they go back with.
    """
    return _Tangents(list(makers), module, cotangent, by_ad).are_equivariant()


class _Tangents:
    """Goes through makers until nothing new is learned of their variables."""

    def __init__(
        self,
        makers: Sequence[ast.expr | FunctionNode],
        module: Module,
        cotangent: int | None,
        by_ad: Mapping[ast.expr, ast.expr | None],
    ) -> None:
        self.makers, self.module, self.cotangent, self.by_ad = makers, module, cotangent, by_ad
        self.known: dict[Variable | FunctionNode, Kind] = {}
        self.running: set[FunctionNode] = set()
        self.seen: set[ast.AST] = set()  # functions that have been run
        self.learned = False
        self.spoiled = False  # the cotangent decides, or goes where nobody can follow it

    def are_equivariant(self) -> bool:
        """Whether every tangent is real or conjugated with the cotangent."""
        while True:
            self.learned = False
            kind = _joined(self._tangent(maker) for maker in self.makers)
            if kind & ~Kind.GIVEN or self.spoiled:
                return False
            if not self.learned:
                return True

    def _tangent(self, maker: ast.expr | FunctionNode) -> Kind:
        if self.cotangent is not None:
            given = [Kind.FIXED] * self.cotangent + [Kind.GIVEN]
            return self._applied(maker, given, rest=Kind.FIXED)
        return self._twice_applied(maker, [], [Kind.GIVEN], rest=Kind.FIXED)

    # ---- functions -----------------------------------------------------------------------

    def _learn(self, about: Variable | FunctionNode, kind: Kind) -> None:
        before = self.known.get(about, Kind.REAL)
        if _plus(before, kind) != before:
            self.known[about] = _plus(before, kind)
            self.learned = True

    def _definition(self, node: ast.expr | FunctionNode) -> FunctionNode | ast.expr:
        """What a name of this module stands for."""
        while isinstance(node, ast.Name):
            variable = self.module.scopes.of(node)
            if isinstance(variable.only, ast.FunctionDef):
                return variable.only
            given = self.module.constant(variable)
            if given is None or isinstance(given, ast.Name):
                return node
            node = given
        return node

    def _applied(
        self, function: ast.expr | FunctionNode, args: list[Kind], rest: Kind | None = None
    ) -> Kind:
        """What a function gives; `rest` is of arguments that are not named."""
        made = self._definition(function)
        match made:
            case ast.Lambda() | ast.FunctionDef():
                self._bind(made, args, rest)
                if made not in self.running:
                    with self._run(made) as values:
                        self._learn(made, _joined(map(self._value, values)))
                return self.known.get(made, Kind.REAL)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._decides(test)
                return _plus(self._applied(body, args, rest), self._applied(orelse, args, rest))
            case ast.Call(func=func, args=[*_, inner]) if last_part(func) in _UNBROADCAST:
                return self._applied(inner, args, rest)
            case ast.Call(func=func, args=[inner, *more]) if last_part(func) == "partial":
                return self._applied(inner, [*map(self._value, more), *args], rest)
            case ast.Call(func=func, args=given):
                return self._twice_applied(func, [self._value(a) for a in given], args, rest)
        if isinstance(made, ast.expr) and rest is None:
            return self._by_name(made, args, [None] * len(args))
        return Kind.OTHER

    def _twice_applied(
        self,
        function: ast.expr | FunctionNode,
        first: list[Kind],
        second: list[Kind],
        rest: Kind | None,
    ) -> Kind:
        """What the function that a function gives does to arguments."""
        made = self._definition(function)
        match made:
            case ast.Call(func=func, args=[inner, *more]) if last_part(func) == "partial":
                first = [*map(self._value, more), *first]
                return self._twice_applied(inner, first, second, rest)
            case ast.Lambda() | ast.FunctionDef() if made not in self.running:
                self._bind(made, first, rest)
                with self._run(made) as values:
                    return _joined(self._applied(value, second) for value in values)
        return Kind.OTHER

    @contextmanager
    def _run(self, function: FunctionNode) -> Iterator[tuple[ast.expr, ...]]:
        """Learn what the statements of a function do; what it returns."""
        self.running.add(function)
        self.seen.add(function)
        for node in self.module.nodes_of(function):
            self._statement(node)
        yield self.module.returned(function)
        self.running.discard(function)

    def _bind(self, function: FunctionNode, args: list[Kind], rest: Kind | None) -> None:
        scope = self.module.scopes.own[function]
        named = positional_parameters(function.args)
        for arg, kind in zip(named, args, strict=False):
            self._learn(scope.variable(arg.arg), kind)
        if len(args) > len(named) and function.args.vararg is not None:
            self._learn(scope.variable(function.args.vararg.arg), _joined(args[len(named) :]))
        for arg in all_parameters(function.args):
            if rest is not None and arg not in named[: len(args)]:
                real = _is_real_class(arg.annotation)
                self._learn(scope.variable(arg.arg), Kind.REAL if real else rest)

    # ---- statements ----------------------------------------------------------------------

    def _statement(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, self._value(value))
            case ast.AugAssign(target=target, value=value, op=op):
                self._assign(target, self._combined(op, target, value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, self._value(value))
            case ast.NamedExpr(target=target, value=value):
                self._assign(target, self._value(value))
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                self._assign(target, self._value(value))
            case ast.With(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, self._value(item.context_expr))
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                self._decides(test)
            case ast.Assert(test=test):
                self._decides(test)
            case ast.Expr(value=ast.Call() as call):
                self._done(call)
            case ast.Yield() | ast.YieldFrom() | ast.Await() | ast.Global() | ast.Nonlocal():
                self.spoiled = True

    def _assign(self, target: ast.expr, kind: Kind) -> None:
        match target:
            case ast.Name():
                self._learn(self.module.scopes.of(target), kind)
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                for element in elts:
                    self._assign(element, kind)
            case ast.Starred(value=value) | ast.Subscript(value=value):
                self._assign(value, kind)
            case ast.Attribute(value=value):
                self._assign(value, kind)
                if kind & ~Kind.FIXED:  # an object that somebody else may read
                    self.spoiled = True

    def _decides(self, test: ast.expr) -> None:
        if self._value(test) & Kind.OTHER:
            self.spoiled = True

    def _done(self, call: ast.Call) -> None:
        """A call for its own sake: `parts.append(g)`, `np.add.at(total, places, g)`."""
        kinds = [self._value(a) for a in (*call.args, *(k.value for k in call.keywords))]
        match call.func:
            case ast.Attribute(attr="at", value=ast.Attribute(attr=name)) if name in _EQUIVARIANT:
                if len(call.args) == 3:
                    self._assign(call.args[0], kinds[2])
                    return
            case ast.Attribute(attr=name, value=value) if name in _MUTATING:
                self._assign(value, _joined(kinds))
                return
        if self._value(call) & (Kind.GIVEN | Kind.OTHER):
            self.spoiled = True

    # ---- expressions ---------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Kind:
        if node in self.by_ad:
            cotangent = self.by_ad[node]
            return Kind.GIVEN if cotangent is None else _plus(Kind.GIVEN, self._value(cotangent))
        match node:
            case ast.Constant(value=value):
                return Kind.FIXED if isinstance(value, complex) else Kind.REAL
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript(value=value, slice=index):
                return _plus(self._value(value), _only_place(self._value(index)))
            case ast.BinOp(left=left, op=op, right=right):
                return self._combined(op, left, right)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(ops, [self._value(n) for n in (left, *others)])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._decides(test)
                return _plus(self._value(body), self._value(orelse))
            case ast.Call():
                return self._call(node)
            case ast.Lambda() | ast.Await() | ast.Yield() | ast.YieldFrom():
                return Kind.FIXED
            case ast.ListComp(elt=value) | ast.GeneratorExp(elt=value) | ast.SetComp(elt=value):
                return self._comprehension(node.generators, [value])
            case ast.DictComp(key=key, value=value, generators=generators):
                return self._comprehension(generators, [key, value])
            case ast.NamedExpr(target=target, value=value):
                self._assign(target, self._value(value))
                return self._value(value)
        inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        return _joined(map(self._value, inner))

    def _name(self, node: ast.Name) -> Kind:
        variable = self.module.scopes.of(node)
        if variable in self.known:
            return self.known[variable]
        if variable.scope is None:
            return Kind.REAL  # of a builtin: a dtype
        if variable.scope.kind == "comprehension" or variable.scope.node in self.seen:
            functions = any(isinstance(b, ast.FunctionDef) for b in variable.bindings)
            return Kind.FIXED if functions else Kind.REAL
        if self._is_numpys(node):
            return Kind.REAL
        given = self.module.constant(variable)
        return Kind.FIXED if given is None else self._value(given)

    def _is_numpys(self, node: ast.expr) -> bool:
        """`np.pi`, `np.newaxis`, `np.float64`."""
        dotted = dotted_name(node, self.module)
        return self.module.is_numeric(dotted) or dotted.startswith("autograd.numpy.")

    def _attribute(self, node: ast.Attribute) -> Kind:
        if node.attr in _LAYOUT or self._is_numpys(node):
            return Kind.REAL
        kind = self._value(node.value)
        match node.attr:
            case "T" | "mT" | "flat":
                return kind
            case "real":
                return kind & ~Kind.FIXED
            case "imag":
                return Kind.OTHER if kind & ~Kind.FIXED else Kind.REAL
        return _plus(kind, Kind.FIXED)

    def _combined(self, op: ast.operator, left: ast.expr, right: ast.expr) -> Kind:
        kind = _plus(self._value(left), self._value(right))
        if isinstance(op, ast.Pow) and not (_is_whole(right) or self._is_positive(left)):
            kind = _plus(kind, Kind.FIXED)  # a root of a negative number
        rounding = isinstance(op, ast.Mod | ast.FloorDiv)
        return Kind.OTHER if rounding and kind & Kind.GIVEN else kind

    def _is_positive(self, base: ast.expr) -> bool:
        """Whether a number that is raised to a power is certainly not negative."""
        match base:
            case ast.Constant(value=int() | float()):
                return True
            case ast.Call(func=func):
                return last_part(func) in ("len", "abs", "absolute", "exp")
            case ast.Subscript(value=ast.Attribute(attr="shape")):
                return True
            case ast.Attribute(attr=name):
                return name in ("size", "ndim") or (name in ("pi", "e") and self._is_numpys(base))
        return False

    def _compared(self, ops: list[ast.cmpop], kinds: list[Kind]) -> Kind:
        kind = _joined(kinds)
        ordered = any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in ops)
        if kind & Kind.OTHER or (ordered and kind & Kind.GIVEN):
            return Kind.OTHER
        return kind & ~Kind.FIXED

    def _comprehension(self, generators: list[ast.comprehension], values: list[ast.expr]) -> Kind:
        for generator in generators:
            self._statement(generator)
            for test in generator.ifs:
                self._decides(test)
        return _joined(map(self._value, values))

    # ---- calls ---------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Kind:
        args = [a.value if isinstance(a, ast.Starred) else a for a in node.args]
        kinds = [self._value(a) for a in (*args, *(k.value for k in node.keywords))]
        made = self._definition(node.func)
        if isinstance(made, ast.Lambda | ast.FunctionDef):
            plain = not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
            return self._applied(made, kinds, None if plain else _joined(kinds))
        names = [None] * len(args) + [k.arg for k in node.keywords]
        if last_part(node.func) == "SparseObject" and len(args) == 2:
            return self._applied(args[1], [Kind.REAL])
        if last_part(node.func) == "partial" and args:
            return Kind.FIXED
        return self._by_name(node.func, kinds, names)

    def _by_name(self, func: ast.expr, kinds: list[Kind], names: list[str | None]) -> Kind:
        """What a function from elsewhere gives, by its name."""
        name = last_part(func) or ""
        dotted = dotted_name(func, self.module)
        builtin = isinstance(func, ast.Name) and self.module.is_builtin(name, func)
        if dotted.partition(".")[0] not in _KNOWN and not builtin:
            return self._method(func, name, kinds)
        dotted = dotted or name
        if name in _LAYOUT:
            return Kind.REAL
        kind = _joined(self._counting(dotted, kinds, names))
        if dotted != name and refuses_complex(dotted):
            return kind & ~Kind.FIXED
        if name in _EVEN:
            return kind if kind & Kind.OTHER else kind & ~Kind.FIXED
        if name in _ODD:
            return Kind.OTHER if kind & ~Kind.FIXED else Kind.REAL
        module, _, last = dotted.rpartition(".")
        scoped = f"{module.rpartition('.')[2]}.{last}"
        if ("fft." not in dotted and name in _EQUIVARIANT) or scoped in _EQUIVARIANT:
            return kind
        return Kind.OTHER if kind & ~Kind.FIXED else Kind.FIXED

    def _counting(self, dotted: str, kinds: list[Kind], names: list[str | None]) -> list[Kind]:
        """The kinds of arguments that are values; of those that are places, whether they depend
        on the cotangent."""
        known = parameters(dotted) or ()
        if dotted.endswith((".repeat_to_match_shape", "match_complex", "unbroadcast")):
            value = 1 if dotted.endswith("match_complex") else 0
            return [_only_place(k) if n != value else k for n, k in enumerate(kinds)]
        if dotted in ("repeat_to_match_shape", "replace_zero"):
            return kinds[:1]
        found = []
        for number, (kind, name) in enumerate(zip(kinds, names, strict=True)):
            own = name or (known[number].name if number < len(known) else "")
            found.append(_only_place(kind) if own in _PLACES else kind)
        return found

    def _method(self, func: ast.expr, name: str, kinds: list[Kind]) -> Kind:
        own = self._value(func.value) if isinstance(func, ast.Attribute) else Kind.FIXED
        if name in _METHODS:
            return _plus(own, _joined(map(_only_place, kinds)))
        if name in ("dot", "zeros") and isinstance(func, ast.Attribute):
            return _joined([own, *kinds]) if name == "dot" else Kind.REAL
        kind = _joined([own, *kinds])
        return Kind.OTHER if kind & ~Kind.FIXED else Kind.FIXED


def _is_whole(exponent: ast.expr) -> bool:
    match exponent:
        case ast.UnaryOp(operand=operand):
            return _is_whole(operand)
        case ast.Constant(value=value):
            return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return False


def _plus(one: Kind, other: Kind) -> Kind:
    kind = one | other
    mixed = kind & Kind.GIVEN and kind & Kind.FIXED
    return Kind.OTHER if kind & Kind.OTHER or mixed else kind


def _joined(kinds: Iterable[Kind]) -> Kind:
    return reduce(_plus, kinds, Kind.REAL)


def _only_place(kind: Kind) -> Kind:
    """What an index, an axis or a count says of the result: nothing, unless the cotangent
    decides."""
    return Kind.OTHER if kind & (Kind.GIVEN | Kind.OTHER) else Kind.REAL
