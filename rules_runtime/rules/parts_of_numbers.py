"""Functions that take numbers apart, or see no more of them than whole numbers and signs:
`divmod`, `modf`, `frexp` ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from rules_runtime.forms import constant, derivative
from rules_runtime.kernels.broadcast import unbroadcast
from rules_runtime.tangents import AbstractZero, ZeroTangent

# -- two results -----------------------------------------------------------------------------------


def _divmod_vjp(which: int) -> Any:
    """The quotient is a whole number and does not move; the remainder is ``x - quotient * y``."""

    def vjp(g: Any, q_r: Any, x: Any, y: Any) -> Any:
        remainder = g[1]
        if isinstance(remainder, AbstractZero):
            return ZeroTangent()
        found = remainder if which == 0 else -remainder * q_r[0]
        return unbroadcast(found, np.shape((x, y)[which]))

    return vjp


derivative(np.divmod, _divmod_vjp(0), _divmod_vjp(1), needs="y")
derivative(np.modf, lambda g, y, x: g[0], needs="")


def frexp_vjp(g: Any, y: Any, x: Any) -> Any:
    if isinstance(g[0], AbstractZero):
        return ZeroTangent()
    return np.ldexp(g[0], -y[1])


derivative(np.frexp, frexp_vjp, needs="y")

# -- nothing flows back ----------------------------------------------------------------------------

constant(
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
    np.left_shift,
    np.right_shift,
    np.gcd,
    np.lcm,
    np.isnat,
    np.isin,
    np.packbits,
    np.unpackbits,
    np.unravel_index,
    np.ravel_multi_index,
    np.einsum_path,
)
for _name in ("bitwise_count", "in1d"):
    if _name in np.__dict__:
        constant(np.__dict__[_name])
