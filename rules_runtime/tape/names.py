"""Functions that are not written in Python, under the names that modules have for them.

Neither a protocol nor a prelude reaches `math.erf` or `sorted`. So the names are bound to objects
that ask first and call the function where there is no answer. Such an object equals the function,
with the same hash, so that tables by function find it. What holds the function itself (a list, a
closure, a default) is not reached.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any


class Asking(functools.partial[Any]):
    """A function that asks for traced values first."""

    function: Any
    __asks_first__ = True

    def __eq__(self, other: Any) -> bool:
        return other is self or other is self.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["function"], name)

    def __repr__(self) -> str:
        return repr(self.function)

    def __reduce__(self) -> str:
        return str(self.function.__name__)


def asking(function: Any, call: Callable[..., Any]) -> Asking:
    """An object that looks like `function` and calls `call`."""
    made = Asking(call)
    made.function = made.__wrapped__ = function  # type: ignore[attr-defined]
    made.__module__, made.__doc__ = function.__module__, function.__doc__
    return made


_PACKAGE = __name__.partition(".")[0]


def is_own(frame: types.FrameType) -> bool:
    """Whether a frame is one of this package, which means the plain function when it calls one."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE


def bind(made: Mapping[int, Asking], skip: tuple[str, ...] = ()) -> bool:
    """Bind the names that modules have for functions, by `id`, to what is made of these;
    whether there were any.

    Modules with names that begin like one of `skip` keep theirs.
    """
    found = False
    for name, module in list(sys.modules.items()):
        names = getattr(module, "__dict__", None)
        if names is None or name == __name__ or name.startswith(skip):
            continue
        for key, value in list(names.items()):
            if id(value) in made:
                names[key] = made[id(value)]
                found = True
    return found
