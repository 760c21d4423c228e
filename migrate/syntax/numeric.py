"""Which functions of numpy and its kin give arrays or numbers,
as far as a reader of the text can tell."""

from __future__ import annotations

import ast

NUMERIC_MODULES = frozenset({"numpy", "math", "cmath", "scipy", "autoray", "cupy", "numexpr"})

#: Functions of these modules whose result is a tuple or a list, or depends on the arguments.
SEVERAL_RESULTS = frozenset(
    """split array_split hsplit vsplit dsplit unstack gradient meshgrid broadcast_arrays nonzero unravel_index atleast_1d
    atleast_2d atleast_3d divmod modf frexp qr svd eig eigh slogdet lstsq histogram histogram2d unique ix_ tril_indices
    triu_indices where polydiv apply_along_axis vectorize frompyfunc r_ c_ mgrid ogrid lu lu_factor cho_factor schur
    fresnel airy ellipj sici shichi polar hessenberg ldl qz cossin rq histogramdd bincount2d diag_indices linspace average
    pade errstate object_ asarray_chkfinite minimize root quad solve_ivp""".split()
)

#: Those of them that give a list of arrays.
LISTS_OF_ARRAYS = frozenset("split array_split hsplit vsplit dsplit".split())

#: What else these modules hold that is no function.
CONSTANTS = frozenset("pi e inf nan newaxis euler_gamma tau NINF PINF".split())

#: Methods whose result on an array is an array or a number.
ARRAY_METHODS = frozenset(
    """all any argmax argmin argsort astype choose clip compress conj conjugate cumprod cumsum diagonal dot
    flatten item max mean min prod ravel repeat reshape round searchsorted squeeze std sum swapaxes take trace transpose
    var view tobytes nonzero fill partition ptp real imag hex bit_length is_integer as_integer_ratio""".split()
)
ARRAY_ATTRIBUTES = frozenset(
    "T mT real imag shape size ndim dtype flat strides nbytes itemsize H".split()
)

#: Builtins that modules for numbers have functions of the same name for;
#: `from numpy import *` hides them.
OFTEN_HIDDEN = frozenset("abs all any bool divmod filter len map max min pow round sum".split())

#: Builtins whose result is a number, a string or a truth value whatever they are given.
SCALAR_BUILTINS = frozenset(
    """abs all any bool bytes callable chr complex float format hash hasattr hex id int isinstance issubclass len oct ord
    pow print range repr round str type slice object super input open""".split()
)


def is_object_dtype(node: ast.expr) -> bool:
    """`object`, `"O"`, `np.object_`: an array of these holds whatever it is given."""
    match node:
        case ast.Name(id="object") | ast.Attribute(attr="object_" | "object0"):
            return True
        case ast.Constant(value="O" | "|O" | "object"):
            return True
    return False
