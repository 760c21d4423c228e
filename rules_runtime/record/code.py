"""What the code of a function names, and whose code is not looked into."""

from __future__ import annotations

import dis
import functools
import sys
import types
from typing import Any, NamedTuple


class Named(NamedTuple):
    """What code, and the functions that it defines, reads by name."""

    globals: tuple[str, ...]
    attributes: frozenset[str]  # and every string, which `getattr` may be given
    imports: tuple[str, ...]
    assigns: bool  # to a global, or to a variable of the function around it


@functools.lru_cache(maxsize=4096)
def named(code: types.CodeType) -> Named:
    """What a function's code names."""
    read: dict[str, None] = {}
    attributes: set[str] = set()
    imports: dict[str, None] = {}
    assigns = False
    outside, todo = set(code.co_freevars), [code]
    while todo:
        inner = todo.pop()
        todo += [k for k in inner.co_consts if type(k) is types.CodeType]
        attributes.update(k for k in inner.co_consts if type(k) is str)
        for i in dis.get_instructions(inner):
            if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                read[i.argval] = None
            elif i.opname.startswith(
                ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")
            ):
                attributes.add(i.argval)
            elif i.opname == "IMPORT_NAME":
                imports[i.argval] = None
            elif i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                assigns = True
            elif i.opname in ("STORE_DEREF", "DELETE_DEREF"):
                assigns = assigns or i.argval in outside
    return Named(tuple(read), frozenset(attributes), tuple(imports), assigns)


def is_of_a_library(module: Any, home: str) -> bool:
    """Whether what is defined in a module is taken for constant: numpy, the standard library, and
    packages that are installed, but for the one, `home`, whose function is compiled."""
    top = module.split(".")[0] if isinstance(module, str) else ""
    return top != home and _is_installed(top)


@functools.lru_cache(maxsize=4096)
def _is_installed(top: str) -> bool:
    if top == "__main__":
        return False
    if top in ("numpy", "scipy", "rules_runtime") or top in sys.stdlib_module_names:
        return True
    where = getattr(sys.modules.get(top), "__file__", None) or ""
    return "site-packages" in where or "dist-packages" in where
