"""Arrays that traced code makes to fill in: `c = np.zeros(2); c[0] = x[0] * x[1]`.

A plain array cannot hold a traced value. So `np.zeros` and its kin, called by traced code, give a
`Blank`: a plain array in all that is done with it, until a traced value is written into it. Then it
becomes a traced array, a constant one until then, and with it its slices;
who holds it sees the update, as with any array.
"""

from __future__ import annotations

import dis
import operator
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any
from weakref import ref

import numpy as np

from ..kernels.others import recorded_among
from . import operators
from .structures import inner_tape, plain
from .sweep import FORM
from .tracer import OPEN, Blank, Tape, Tracer, primal, record

ndarray = np.ndarray
# Functions that write into their first argument.
_WRITERS = frozenset((np.put_along_axis, np.fill_diagonal, np.copyto, np.putmask, np.place, np.put))
NAMES = frozenset("empty empty_like full full_like ones ones_like zeros zeros_like".split())
_LIBRARIES = frozenset(("numpy", "scipy", __name__.partition(".")[0]))


def blank(x: ndarray, caller: FrameType) -> Any:
    """A new array as a `Blank`, where the caller is a function that is being traced,
    in the thread that traces it."""
    if x.dtype.kind not in "fc" or not _calls(caller):
        return x
    mine = threading.get_ident()
    for tape in reversed(tuple(OPEN.values())):
        if tape.thread == mine:
            return x if tape.in_rules else _of(x, tape)
    return x


def _calls(frame: FrameType) -> bool:
    """Whether what a frame calls is one of these functions, and no function of an extension module,
    which has no frame and must be given an array of numpy's."""
    code, at = frame.f_code, frame.f_lasti
    found = _sites.get((id(code), at))
    if found is None:
        library = str(frame.f_globals.get("__name__", "")).partition(".")[0] in _LIBRARIES
        known = not library and _name_called(code, at) in NAMES
        found = _sites[id(code), at] = (code, known)  # which keeps the code, and with it its id
    return found[1]


def _name_called(code: CodeType, at: int) -> Any:
    """The name of the function that an instruction calls:
    what was loaded from where the expression begins, and is longest."""
    before = [i for i in dis.get_instructions(code) if i.offset <= at]
    start = _start(before[-1])
    loads = [i for i in before if i.opname.startswith("LOAD_") and _start(i) == start]
    return max(loads, key=_end).argval if start and loads else None


def _start(i: dis.Instruction) -> Any:
    return i.positions and i.positions.col_offset is not None and i.positions[::2]


def _end(i: dis.Instruction) -> Any:
    return i.positions and i.positions[1::2]


_sites: dict[tuple[int, int], tuple[CodeType, bool]] = {}


def _of(x: Any, tape: Tape) -> Blank:
    made = Blank()
    made.value, made.tape, made.index = x, tape, -1
    return made


def _view(parent: Blank, x: Any, index: Any) -> Any:
    """What was read of a blank array: a view of it follows it, all else is plain."""
    if type(x) is not ndarray or x.base is None or x.dtype != parent.value.dtype:
        return x
    root = parent.value if parent.value.base is None else parent.value.base
    if x.base is not root:
        return x
    made = _of(x, parent.tape)
    made.base = (parent, index)
    parent.views = [*(r for r in getattr(parent, "views", ()) if r() is not None), ref(made)]
    return made


def begin(x: Blank, v: Any) -> None:
    """Make a blank array, and what it is a view of, traced arrays,
    for `v` is to be written into it."""
    while hasattr(x, "base"):
        x, index = x.base
        if index is None:
            raise TypeError(
                "a traced value is written into a view (a transpose, a reshaped array) of a new array; write into the array"
            )
    tape = x.tape
    if tape.level not in OPEN:  # one that was kept from another trace
        found = inner_tape(v)
        assert found is not None
        tape = found
    _begin(x, x.value.copy(), tape, record(tape, ((), _nothing, None, FORM)))


def _begin(x: Any, value: Any, tape: Tape, place: int) -> None:
    _become(x, Tracer)
    x.value, x.tape, x.index = value, tape, place
    for reference in getattr(x, "views", ()):
        view = reference()
        if type(view) is Blank and view.base[1] is not None:
            read = operators.getitem(x, view.base[1])
            _begin(view, read.value, tape, read.index)


_become: Any = object.__dict__["__class__"].__set__


def _nothing(g: Any, saved: Any) -> list[Any]:
    """Nothing flows to what an array was filled with when it was made."""
    return []


# -- what it does ----------------------------------------------------------------------------------


def _getitem(self: Blank, index: Any) -> Any:
    index = _index(index)
    return _view(self, self.value[index], index)


def _index(index: Any) -> Any:
    if type(index) is tuple:
        return tuple([plain(primal(k)) for k in index])
    return plain(primal(index))


def _is_followed(v: Any) -> bool:
    """Whether something is traced, or records calls, or has parts that do."""
    return inner_tape(v) is not None or recorded_among((v,)) is not None


def _setitem(self: Blank, index: Any, v: Any) -> None:
    if _is_followed(v):
        begin(self, v)
        traced: Any = self
        traced[index] = v
    else:
        self.value[_index(index)] = plain(v)


def _iterate(self: Blank) -> Iterator[Any]:
    return iter([_getitem(self, k) for k in range(len(self.value))])


def _attribute(self: Blank, name: str) -> Any:
    if name in ("base", "views") or name.startswith("__"):  # which it has not
        raise AttributeError(name)
    found = getattr(self.value, name)
    if name == "copy":
        return lambda *args: _of(self.value.copy(*args), self.tape)
    if not callable(found):
        return _view(self, found, None)

    def method(*args: Any, **kwargs: Any) -> Any:
        return _view(self, found(*map(plain, args), **kwargs), None)

    return method


def _array(self: Blank, dtype: Any = None, copy: Any = None) -> Any:
    return (
        np.array(self.value, dtype, copy=copy)
        if copy is not None
        else np.asarray(self.value, dtype)
    )


def _ufunc(self: Blank, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    out = kwargs.get("out", ())
    written = inputs[:1] if method == "at" else tuple(out)
    if any(type(x) is Blank for x in written) and _is_followed(inputs[method == "at" :]):
        for x in written:
            if type(x) is Blank:
                begin(x, inputs)
    elif out:
        kwargs["out"] = tuple(map(plain, out))
    y = getattr(ufunc, method)(*map(plain, inputs), **kwargs)
    return out[0] if len(out) == 1 and type(out[0]) in (Blank, Tracer) else y


def _function(self: Blank, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    if (
        function in _WRITERS
        and type(args[0]) is Blank
        and _is_followed((args[1:], tuple(kwargs.values())))
    ):
        begin(args[0], (args[1:], kwargs))
        return function(*args, **kwargs)
    y = function(*map(plain, args), **{key: plain(x) for key, x in kwargs.items()})
    return args[0] if args and y is plain(args[0]) else _view(self, y, None)


def _binary(name: str) -> Callable[..., Any]:
    apply = getattr(operator, name, None) or divmod

    def forward(self: Blank, other: Any) -> Any:
        return apply(self.value, plain(other))

    return forward


def _reflected(name: str) -> Callable[..., Any]:
    apply = getattr(operator, name, None) or divmod

    def backward(self: Blank, other: Any) -> Any:
        return apply(plain(other), self.value)

    return backward


def _updated(name: str) -> Callable[..., Any]:
    apply = getattr(operator, name)

    def update(self: Blank, other: Any) -> Any:
        if _is_followed(other):
            begin(self, other)
            return apply(self, other)
        self.value = apply(self.value, plain(other))
        return self

    return update


def _ofplain(name: str) -> Callable[..., Any]:
    def method(self: Blank, *args: Any) -> Any:
        return getattr(self.value, name)(*map(plain, args))

    return method


def _property(name: str) -> property:
    return property(
        lambda self: getattr(self.value, name),
        lambda self, given: setattr(self.value, name, given),
    )


_BINARY = "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift divmod".split()
for _name in _BINARY:
    _dunder = _name.rstrip("_")
    setattr(Blank, f"__{_dunder}__", _binary(_name))
    setattr(Blank, f"__r{_dunder}__", _reflected(_name))
    if _name != "divmod":
        setattr(Blank, f"__i{_dunder}__", _updated(f"i{_dunder}"))
for _name in "lt le gt ge eq ne".split():
    setattr(Blank, f"__{_name}__", _binary(_name))
for _name in (
    "neg pos abs invert bool int float complex index len contains repr str format reduce reduce_ex deepcopy copy buffer round"
).split():
    setattr(Blank, f"__{_name}__", _ofplain(f"__{_name}__"))
for _name in ("shape", "dtype", "strides"):
    setattr(Blank, _name, _property(_name))
for _name, _function_of in {
    "__getitem__": _getitem,
    "__setitem__": _setitem,
    "__iter__": _iterate,
    "__getattr__": _attribute,
    "__array__": _array,
    "__array_ufunc__": _ufunc,
    "__array_function__": _function,
    "__hash__": None,
}.items():
    setattr(Blank, _name, _function_of)
