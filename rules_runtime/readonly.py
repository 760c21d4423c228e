"""Arguments that a rule may look at and not write into.

A rule's pullback is right for the values that the call was given, and whoever reads an argument
after the call reads what was there before. A function that writes into its argument breaks both, so
it is given views that cannot be written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ndarray = np.ndarray


def read_only(x: Any) -> Any:
    """`x` where nothing can be written into the arrays that it is or that its tuples,
    lists and dicts hold.

    >>> view = read_only([np.ones(2)])[0]
    >>> view.flags.writeable
    False
    """
    kind = type(x)
    if kind is ndarray:
        if x.flags.writeable:
            x = x.view()
            x.flags.writeable = False
        return x
    if kind is tuple or kind is list:
        made = [read_only(part) for part in x]
        return x if all(a is b for a, b in zip(made, x)) else kind(made)
    if kind is dict:
        made = [read_only(part) for part in x.values()]
        return x if all(a is b for a, b in zip(made, x.values())) else dict(zip(x, made))
    return x


def given_back(y: Any, shown: tuple[Any, ...], args: tuple[Any, ...]) -> Any:
    """The result of a rule that was shown `shown` for `args`:
    an argument itself in the place of its view."""
    if type(y) is ndarray and not y.flags.writeable:
        for view, x in zip(shown, args):
            if y is view:
                return x
    elif type(y) is tuple:
        made = [given_back(part, shown, args) for part in y]
        return y if all(a is b for a, b in zip(made, y)) else tuple(made)
    return y


def is_about_writing(error: Exception) -> bool:
    """Whether an error is the one that writing into such an argument gives.

    >>> is_about_writing(ValueError("output array is read-only"))
    True
    """
    return "read-only" in str(error) or "update in place" in str(error)
