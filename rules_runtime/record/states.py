"""What containers, objects, arrays and generators of random numbers hold: kept, compared and put
back."""

from __future__ import annotations

import collections
import operator
import random
from typing import Any

import numpy as np

from ..structure import attributes_of

ndarray = np.ndarray
ATOMS = (int, str, bytes, bool, type(None), type(Ellipsis), slice, range, np.dtype)
RANDOM = (np.random.Generator, np.random.RandomState, random.Random)


def state_of(x: Any) -> Any:
    """What an object holds: a list of its parts, or bytes."""
    if isinstance(x, dict):
        return [*x, *x.values()]
    if isinstance(x, (list, tuple, set, collections.deque)):
        return [*x]
    if isinstance(x, ndarray):
        return x.tobytes()
    if isinstance(x, RANDOM):
        return x.getstate() if isinstance(x, random.Random) else _numbers_of(x).state
    return state_of(attributes_of(x))


def restore(x: Any, state: Any) -> None:
    """Put back what an object held."""
    if isinstance(x, dict):
        x.clear()
        x.update(zip(state[: len(state) // 2], state[len(state) // 2 :]))
    elif isinstance(x, list):
        x[:] = state
    elif isinstance(x, (set, collections.deque)):
        x.clear()
        x.update(state) if isinstance(x, set) else x.extend(state)
    elif isinstance(x, ndarray):
        x[...] = np.frombuffer(state, x.dtype).reshape(x.shape)
    elif isinstance(x, random.Random):
        x.setstate(state)
    elif isinstance(x, RANDOM):
        _numbers_of(x).state = state
    else:
        held = dict(zip(state[: len(state) // 2], state[len(state) // 2 :]))
        for name in attributes_of(x).keys() - held.keys():
            object.__delattr__(x, name)
        for name, value in held.items():
            object.__setattr__(x, name, value)


def _numbers_of(x: Any) -> Any:
    return x.bit_generator if isinstance(x, np.random.Generator) else x._bit_generator


def is_same_state(a: Any, b: Any) -> bool:
    """Whether something holds what it held: the same objects, equal bytes."""
    if type(a) is list:
        return len(a) == len(b) and all(map(operator.is_, a, b))
    if type(a) is dict:  # of a generator of random numbers
        return a.keys() == b.keys() and all(is_same_state(a[k], b[k]) for k in a)
    return a.tobytes() == b.tobytes() if isinstance(a, ndarray) else bool(a == b)


def is_unlike(x: Any, was: Any) -> bool:
    """Whether a container of many simple things is not what it was."""
    if type(x) is not type(was) or len(x) != len(was) or x != was:
        return True
    if isinstance(x, set):
        return False
    a, b = state_of(x), state_of(was)
    return a != b or any(map(operator.is_not, map(type, a), map(type, b)))


def is_other_array(x: Any, was: Any) -> bool:
    """Whether an array does not hold what it held."""
    return (
        type(x) is not ndarray
        or x.dtype is not was.dtype
        or x.shape != was.shape
        or x.tobytes() != was.tobytes()
    )
