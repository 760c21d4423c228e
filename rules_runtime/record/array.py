"""Arrays and numbers that compute as numpy's do, and note each call as a node of a graph.

To the rest of the runtime they are arrays of another library, so that the forward pass and the way
back of every rule, a user's too, land in one graph. What Python reads of a value (`bool`, `int`,
`float`, `tolist` ...) becomes a guard: a replay in which it differs is none.
"""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..forms import Form
from ..kernels.others import is_recorded
from ..kernels.scatter import add_at, put
from ..tangents import AbstractZero, Tangent
from ..tape.tracer import Blank
from .graph import F8, Graph, Node, Unrecordable, errors, frozen

ndarray = np.ndarray
# how a call of a numpy function becomes nodes: `build(graph, value, *args, **kwargs)`,
# or None where it is one node of its own
BUILDERS: dict[Any, Callable[..., Node | None]] = {}
# functions that are others in other words, and so are their derivatives: `formula(*args, **kwargs)`
# or NotImplemented where it is one node of its own
FORMULAS: dict[Any, Callable[..., Any]] = {}
VALUES: dict[Any, Callable[..., Any]] = {}  # faster ways to compute what functions of numpy's give


class Recorded:
    """What numbers and arrays that are recorded have in common."""

    __slots__ = ("graph", "is_owned", "node", "value")

    @staticmethod
    def __recorded__(form: Form) -> Form:
        """The form to use: of a function that is one node, the derivative is one, too."""
        function = form.function
        if function in BUILDERS or function in _KERNELS:
            return form
        if type(function) is np.ufunc and elementwise_of(function) is not None:
            return form
        found = _forms.get(function)
        if found is None or form not in found:
            found = _forms[function] = (form, _as_one(form))
        return found[1]

    @staticmethod
    def __written__(function: Any, args: Any, kwargs: Any) -> Any:
        """A call of a function that others of numpy's say as well, by these."""
        formula = FORMULAS.get(function)
        return NotImplemented if formula is None else formula(*args, **kwargs)

    __array_priority__ = 500
    __hash__ = object.__hash__

    graph: Graph
    node: Node
    value: Any
    is_owned: bool  # an array that no other shares memory with

    shape = property(lambda self: self.node.shape)
    ndim = property(lambda self: len(self.node.shape))
    dtype = property(lambda self: self.node.dtype)
    size = property(lambda self: self.node.size)
    itemsize = property(lambda self: self.node.dtype.itemsize)
    nbytes = property(lambda self: self.node.size * self.node.dtype.itemsize)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and _QUICK.issuperset(map(type, args)):
            if ufunc not in BUILDERS:
                elementwise_of(ufunc)
            if ufunc in _ELEMENTWISE and len(args) < 3:
                return _quick(ufunc, ufunc, self.graph, *args)
        out = kwargs.get("out") or ()
        if out or method == "at":
            if any(map(_is_traced, args)) or any(_is_traced(x) or type(x) is Blank for x in out):
                return NotImplemented
            raise Unrecordable(f"np.{ufunc.__name__}" + ("(..., out=...)" if out else ".at"))
        called = ufunc if method == "__call__" else getattr(ufunc, method)
        return record(self.graph, called, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            if any(map(_is_traced, (*args, *kwargs.values()))):
                return NotImplemented
            raise Unrecordable(f"{function.__name__}(..., out=...)")
        # np.asarray(x, like=self) is given without `like`
        return record(self.graph, function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.dtype.kind not in "iub" and not _is_data(self.node):
            raise Unrecordable("a function that is none of numpy's takes the numbers of an array")
        self._read("bytes", np.asarray(self.value).tobytes())
        return np.array(self.value, dtype)

    # ---- what Python reads ------------------------------------------------------------

    def _read(self, kind: str, value: Any) -> Any:
        if not self.graph.open:
            raise RuntimeError(
                "a value of a recording is used after the recorded function returned"
            )
        if self.node.op != "const":
            self.graph.guards.append((self.node, kind, value))
        return value

    def __bool__(self) -> bool:
        return bool(self._read("bool", bool(self.value)))

    def __int__(self) -> int:
        return int(self._read("int", int(self.value)))

    def __float__(self) -> float:
        return float(self._read("float", float(self.value)))

    def __complex__(self) -> complex:
        return complex(self._read("complex", complex(self.value)))

    def __index__(self) -> int:
        return int(self._read("int", operator.index(self.value)))

    def __round__(self, digits: int | None = None) -> Any:
        return round(float(self), digits)

    def __format__(self, spec: str) -> str:
        self.tolist()
        return format(self.value, spec)

    def item(self, *place: Any) -> Any:
        """The one element, or that at a place, as a number of Python's, with a guard."""
        return self[place].tolist() if place else self._read("item", self.value.item())

    def tolist(self) -> Any:
        """Nested lists of numbers of Python's, with a guard."""
        return self._read("list", np.asarray(self.value).tolist())

    def __repr__(self) -> str:
        if self.graph.open:
            self.tolist()  # what is read of a text is read of the value
        return repr(self.value)

    def __reduce__(self) -> Any:
        raise Unrecordable("a recorded value is pickled or deeply copied")

    # ---- what numbers and arrays can do --------------------------------------------------

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return int(self.shape[0])

    def __iter__(self) -> Any:
        return iter([self[k] for k in range(len(self))])

    def __getitem__(self, index: Any) -> Any:
        graph, n = self.graph, self.node
        if type(index) is int and len(n.shape) == 1 and graph.open:
            value = self.value[index]
            key = (operator.getitem, n.i, (int, index))
            node = graph.calls.get(key)
            if node is None:
                node = graph.calls[key] = graph.getitem(n, (index,), ())
            if node.dtype is value.dtype and node.shape == ():
                return wrapped(graph, node, value)
        return record(graph, operator.getitem, (self, index), {})

    def __contains__(self, x: Any) -> bool:
        return bool(np.any(self == x))

    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    flat = property(lambda self: iter(self.reshape(-1)))
    real = property(lambda self: np.real(self) if self.dtype.kind == "c" else self)
    imag = property(lambda self: np.imag(self))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        return record(self.graph, _astype, (self, np.dtype(dtype)), {})

    def copy(self, order: str = "C") -> Any:
        return np.copy(self)

    def flatten(self, order: str = "C") -> Any:
        return np.copy(np.reshape(self, -1, order=order))  # type: ignore[call-overload]

    def conj(self) -> Any:
        return np.conjugate(self)

    conjugate = conj

    def dot(self, other: Any) -> Any:
        return np.dot(self, other)


_forms: dict[Any, tuple[Form, Form]] = {}
_KERNELS = frozenset((put, add_at, np.linalg.solve, np.linalg.inv, np.linalg.slogdet))


def _as_one(form: Form) -> Form:
    made = copy.copy(form)
    made.vjps = tuple([None if vjp is None else _one_call(vjp) for vjp in form.vjps])
    made.joint = None if form.joint is None else _one_call(form.joint)
    if form.forward is not form.function:
        made.forward = _one_call(form.forward)
    return made


def _one_call(function: Any) -> Any:
    def whole(*given: Any, **kwargs: Any) -> Any:
        graph = None if any(map(_is_traced, given)) else graph_of(given)
        if graph is None:
            return function(*given, **kwargs)
        return record(graph, function, given, kwargs)

    return whole


class Number(Recorded):
    """A number: it cannot change in place, `x += y` makes a new one."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, float) says of a number what it says when replayed
        return type(self.value)

    def __new__(cls, value: Any = 0) -> Any:
        return np.float64(value)  # type(x)(0): the zero of a number

    def is_integer(self) -> bool:
        return float(self).is_integer()


class Array(Recorded):
    """An array: what it holds can be exchanged, where nobody else has its memory."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return ndarray

    def __setitem__(self, index: Any, value: Any) -> None:
        self._become(put(self, index, value))

    def _become(self, new: Any) -> Any:
        if not self.is_owned:
            raise Unrecordable(
                "an array that is an argument, a view, or has views is changed in place"
            )
        if not is_recorded(new) or new.shape != self.shape:
            raise Unrecordable("an update in place changes the shape")
        new = new if new.dtype == self.dtype else new.astype(self.dtype)
        self.node, self.value = new.node, new.value
        return self


def _is_data(n: Node) -> bool:
    """Whether a value depends on no argument: numbers that are seldom others the next time."""
    seen, todo = set(), [n]
    while todo:
        n = todo.pop()
        if n.op == "in" and n.meta.get("argument"):
            return False
        todo += [a for a in n.args if a.i not in seen]
        seen.update([a.i for a in n.args])
    return True


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else dtype.type(x)


def _is_traced(x: Any) -> bool:
    kind = type(x)
    if kind is Array or kind is Number:
        return False
    if kind is list or issubclass(kind, tuple):
        return any(map(_is_traced, x))
    return hasattr(kind, "__traced_value__")


# what only shapes and dtypes decide, which are guarded
_STATIC = frozenset(
    (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type, np.can_cast,
     np.may_share_memory, np.shares_memory)
)  # fmt: skip


# ---- recording ---------------------------------------------------------------------------


class _Traced(Exception):
    """One of the arguments is traced, and the call is the tape's."""


def _taken(graph: Graph, args: Any, key: list[Any]) -> list[Any]:
    """Arguments with values in the place of what is recorded; `key` is
    given what tells them from others."""
    taken = []
    for x in args:
        kind = type(x)
        if kind is Array or kind is Number:
            if x.graph is not graph:
                raise Unrecordable("values of two recordings meet")
            key.append(x.node.i)
            x = x.value
        elif kind in _EXACT:
            key.append((kind, x))
        elif kind is tuple or kind is list:
            key.append((kind, len(x)))
            x = kind(_taken(graph, x, key))
        elif kind is slice:
            key.append(kind)
            x = slice(*_taken(graph, (x.start, x.stop, x.step), key))
        elif issubclass(kind, tuple):  # a named one, what linear algebra gives
            key.append((kind, len(x)))
            x = tuple.__new__(kind, _taken(graph, x, key))
        elif kind is dict:
            key.append(_UNKNOWN)
            x = dict(zip(x, _taken(graph, x.values(), key)))
        elif hasattr(kind, "__traced_value__"):
            raise _Traced
        else:
            is_told = isinstance(x, (np.dtype, type)) or (kind is float and x and x == x)
            key.append((kind, x) if is_told else _UNKNOWN)
        taken.append(x)
    return taken


_EXACT = frozenset((int, bool, str, type(None), type(Ellipsis)))
_UNKNOWN: list[Any] = []  # which has no hash


def graph_of(args: Any) -> Graph | None:
    """The graph of the recorded values among arguments, however deep in lists."""
    found: Graph | None = None
    for x in args:
        if is_recorded(x):
            found = x.graph
        elif type(x) is list or isinstance(x, tuple):
            found = graph_of(x)
        elif type(x) is slice:
            found = graph_of((x.start, x.stop, x.step))
        if found is not None:
            return found
    return None


def record(
    graph: Graph,
    function: Any,
    args: Any,
    kwargs: dict[str, Any],
    value_by: Callable[..., Any] | None = None,
) -> Any:
    """Call a function, and note it; `value_by` computes the same, as Python's operators do.
    NotImplemented where the call is the tape's."""
    told: list[Any] = [function, *kwargs]
    try:
        given = _taken(graph, args, told)
        named = dict(zip(kwargs, _taken(graph, kwargs.values(), told))) if kwargs else kwargs
    except _Traced:
        return NotImplemented
    if function in _STATIC:
        return function(*given, **named)
    if not graph.open:
        raise RuntimeError("a value of a recording is used after the recorded function returned")
    if function in FORMULAS:
        y = FORMULAS[function](*args, **kwargs)
        if y is not NotImplemented:
            return y
    if errors() is not graph.errors:
        state = tuple(np.geterr().items())
        call: Any = np.geterrcall()
        function, value_by = _within(value_by or function, state, call), None
        told[0] = function
    try:
        value = (value_by or VALUES.get(function, function))(*given, **named)
    except Exception as error:
        graph.caught = type(error).__name__
        raise
    key = None if _UNKNOWN in told else tuple(told)
    node = graph.calls.get(key)
    if node is None or not _fits(node, value):
        build, read = BUILDERS.get(function), len(graph.guards)
        if build is None and type(function) is np.ufunc and not kwargs:
            build = elementwise_of(function)
        node = None if build is None else build(graph, value, *args, **kwargs)
        if node is None or not _fits(node, value):
            node = opaque(graph, function, args, kwargs, value)
            given = [*_arrays(given), *_arrays(named.values())]
            node.shares = any(np.may_share_memory(y, x) for y in _arrays([value]) for x in given)
        elif key is not None and len(graph.guards) == read:  # no number was read for it
            graph.calls[key] = node
    if value is None:
        raise Unrecordable(f"{function.__name__} writes into an array that is not recorded")
    made = wrapped(graph, node, value)
    if type(made) is Array and value.base is not None:
        made.is_owned = False
        for x in args:
            if is_recorded(x):
                x.is_owned = False
    return made


@functools.lru_cache(maxsize=1024)
def _within(function: Any, state: tuple[tuple[str, Any], ...], call: Any) -> Any:
    """A function as it is called within an np.errstate of the recorded function's own."""

    def quietly(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(call=call, **dict(state)):
            return function(*args, **kwargs)

    return quietly


def _arrays(values: Any) -> list[Any]:
    found = []
    for x in values:
        if type(x) is list or type(x) is tuple:
            found += _arrays(x)
        elif isinstance(x, ndarray):
            found.append(x)
    return found


def _fits(node: Node, value: Any) -> bool:
    if node.shape is None:
        return True
    if type(value) is ndarray:
        return bool(node.shape == value.shape and node.dtype == value.dtype)
    return isinstance(value, (ndarray, np.generic, float, int, complex)) and (
        node.shape == np.shape(value)
        and (node.dtype == getattr(value, "dtype", None) or node.dtype == np.dtype(type(value)))
    )


_structure = np.dtype(object)


def wrapped(graph: Graph, node: Node, value: Any) -> Any:
    """What a call gave, recorded: a number, an array, or several."""
    if isinstance(value, ndarray):
        if value.dtype.hasobject:
            raise Unrecordable("an array of objects")
        made: Recorded = object.__new__(Array)
    elif isinstance(value, (np.generic, float, int, complex)):
        made = object.__new__(Number)
        node.weak = type(value) in (float, int, complex, bool)
    elif isinstance(value, (tuple, list, Tangent)):
        parts = [
            wrapped(graph, graph.node("item", k, [node], *_kind(part)), part)
            for k, part in enumerate(value)
        ]
        named = hasattr(value, "_fields") or isinstance(value, Tangent)
        return type(value)(*parts) if named else type(value)(parts)
    elif isinstance(value, AbstractZero) or value is None:
        return value
    else:
        raise Unrecordable(f"a function gives a {type(value).__name__}")
    made.graph, made.node, made.value, made.is_owned = graph, node, value, True
    return made


def _kind(value: Any) -> tuple[Any, Any]:
    if isinstance(value, (ndarray, np.generic)):
        return value.shape, value.dtype
    if isinstance(value, (float, int, complex)):
        return (), np.dtype(type(value))
    return None, _structure


def operand(graph: Graph, x: Any) -> Node:
    """The node of an operand, which may be a constant."""
    if is_recorded(x):
        if x.graph is not graph:
            raise Unrecordable("values of two recordings meet")
        node: Node = x.node
        return node
    if isinstance(x, (ndarray, np.generic, float, int, complex)):
        return graph.constant(x)
    if type(x) is list or type(x) is tuple:
        return graph.constant(np.asarray(x))
    raise Unrecordable(f"an operand of type {type(x).__name__}")


def opaque(graph: Graph, function: Any, args: Any, kwargs: dict[str, Any], value: Any) -> Node:
    """A call as one node: arrays and what is recorded as operands, everything else static."""
    operands: list[Node] = []

    def template(x: Any) -> Any:
        kind = type(x)
        if is_recorded(x) or isinstance(x, ndarray):
            operands.append(operand(graph, x))
            return ("operand", len(operands) - 1)
        if kind is list or issubclass(kind, tuple):
            return ("tuple" if isinstance(x, tuple) else "list", tuple(map(template, x)))
        if kind is slice:
            return ("slice", tuple(map(template, (x.start, x.stop, x.step))))
        if kind is dict or issubclass(kind, Tangent):
            raise Unrecordable(f"a {kind.__name__} as an argument of a numpy function")
        return ("static", x)

    given = tuple(map(template, args))
    named = tuple([(k, template(v)) for k, v in kwargs.items()])
    return graph.node("call", (function, given, named), operands, *_kind(value))


_ELEMENTWISE: set[Any] = set()  # ufuncs that are built as they are


def elementwise_of(ufunc: Any) -> Any:
    """How a ufunc is built, where it has one result and works element by element."""
    if ufunc.signature is not None or ufunc.nout != 1:
        return None

    def build(graph: Graph, value: Any, *args: Any) -> Node | None:
        nodes = [operand(graph, x) for x in args]
        shape, dtype = _kind(value)
        if dtype.kind == "c" and all(n.dtype.kind != "c" for n in nodes):
            if type(value) is complex:  # (-8.0) ** 0.5, of Python's numbers
                raise Unrecordable("a root of a negative number")
        return graph.apply(ufunc, nodes, shape, dtype)

    BUILDERS[ufunc] = build
    _ELEMENTWISE.add(ufunc)
    return build


# ---- operators -----------------------------------------------------------------------------

_BINARY: dict[str, tuple[Any, Any]] = {
    "add": (np.add, operator.add),
    "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul),
    "truediv": (np.divide, operator.truediv),
    "pow": (np.power, operator.pow),
    "mod": (np.remainder, operator.mod),
    "floordiv": (np.floor_divide, operator.floordiv),
    "and": (np.bitwise_and, operator.and_),
    "or": (np.bitwise_or, operator.or_),
    "xor": (np.bitwise_xor, operator.xor),
    "matmul": (np.matmul, operator.matmul),
    "lshift": (np.left_shift, operator.lshift),
    "rshift": (np.right_shift, operator.rshift),
}
_COMPARE: dict[str, tuple[Any, Any]] = {
    "lt": (np.less, operator.lt),
    "le": (np.less_equal, operator.le),
    "gt": (np.greater, operator.gt),
    "ge": (np.greater_equal, operator.ge),
    "eq": (np.equal, operator.eq),
    "ne": (np.not_equal, operator.ne),
}
_UNARY: dict[str, tuple[Any, Any]] = {
    "neg": (np.negative, operator.neg),
    "abs": (np.absolute, operator.abs),
    "invert": (np.invert, operator.invert),
}
_numeric = (ndarray, np.generic, float, int, complex, Recorded)


def _operator(ufunc: Any, by: Any, reflected: bool = False) -> Any:
    is_elementwise = ufunc.signature is None

    def method(self: Recorded, other: Any) -> Any:
        kind = type(other)
        if is_elementwise and kind in _QUICK:
            return _quick(ufunc, by, self.graph, *((other, self) if reflected else (self, other)))
        if _is_traced(other):
            return NotImplemented
        if not isinstance(other, _numeric):
            if kind is not list and kind is not tuple:
                return NotImplemented
            other = np.asarray(other)
        return record(self.graph, ufunc, (other, self) if reflected else (self, other), {}, by)

    return method


_QUICK = frozenset((Number, Array, float, int, np.float64))


def _quick(ufunc: Any, by: Any, graph: Graph, *args: Any) -> Any:
    """`record` of a ufunc of one or two numbers and recorded arrays, as `by` computes it."""
    x = args[0]
    if type(x) is Number or type(x) is Array:
        n, own = x.node, x.graph is graph
        x = x.value
    else:
        n, own = graph.constant(x), True
    m = n
    try:
        if len(args) == 1:
            value = by(x)
        else:
            y = args[1]
            if type(y) is Number or type(y) is Array:
                m, own = y.node, own and y.graph is graph
                y = y.value
            else:
                m = graph.constant(y)
            value = by(x, y)
    except Exception as error:
        graph.caught = type(error).__name__
        raise
    if type(value) is ndarray:
        made: Recorded = object.__new__(Array)
        shape, dtype = value.shape, value.dtype
    elif type(value) is np.float64 or type(value) is float:
        made = object.__new__(Number)
        shape, dtype = (), F8
    else:
        return record(graph, ufunc, args, {}, by)
    key = (ufunc, n.i, m.i)
    node = graph.calls.get(key)
    if node is None:
        nodes = (n,) if len(args) == 1 else (n, m)
        node = graph.calls[key] = graph.apply(ufunc, nodes, shape, dtype)
    if (
        not own or not graph.open or errors() is not graph.errors
        or node.shape != shape or node.dtype is not dtype
    ):  # fmt: skip
        return record(graph, ufunc, args, {}, by)
    if not shape:
        node.weak = type(value) is float
    made.graph, made.node, made.value, made.is_owned = graph, node, value, True
    return made


def _unary(ufunc: Any, by: Any) -> Any:
    return lambda self: _quick(ufunc, by, self.graph, self)


def _in_place(by: Any) -> Any:
    def method(self: Array, other: Any) -> Any:
        new = by(self, other)
        return new if new is NotImplemented or _is_traced(new) else self._become(new)

    return method


for _name, (_ufunc, _by) in _BINARY.items():
    setattr(Recorded, f"__{_name}__", _operator(_ufunc, _by))
    setattr(Recorded, f"__r{_name}__", _operator(_ufunc, _by, True))
    setattr(Array, f"__i{_name}__", _in_place(_by))
for _name, (_ufunc, _by) in _COMPARE.items():
    setattr(Recorded, f"__{_name}__", _operator(_ufunc, _by))
for _name, (_ufunc, _by) in _UNARY.items():
    setattr(Recorded, f"__{_name}__", _unary(_ufunc, _by))
setattr(Recorded, "__pos__", lambda self: self)  # noqa: B010


def _method(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Recorded, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return method


for _name in (
    "all any argmax argmin argsort clip cumprod cumsum diagonal max mean min nonzero prod ravel "
    "repeat round searchsorted squeeze std sum swapaxes take trace var"
).split():
    setattr(Recorded, _name, _method(_name))

__all__ = ["BUILDERS", "Array", "Number", "Recorded", "frozen", "operand", "record"]
