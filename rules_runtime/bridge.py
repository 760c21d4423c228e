"""Between the two languages at run time: legacy tangents, and whole legacy rules, as what the target
language has.

In the legacy language `None` is zero, and a tangent of a structure is a plain tuple, list or dict. A legacy
rule's pullback gives no tangent for the function, unless the rule is in functor form.

While a legacy rule runs, and while its pullback does, the config of the AD that asked for it is the active
one: that is what the shim's `pullback`, called inside the rule, goes back to.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np

from .config import RuleConfig
from .errors import RuleError, TangentError
from .registry import RuleForm
from .signatures import Scope, location_of, parameters_of
from .structure import field_names, is_namedtuple, zero_of
from .tangents import AbstractTangent, AbstractZero, NoTangent, Tangent, ZeroTangent, tangent_type
from .thunks import unthunk

_NOT_KNOWN: Any = type("_NotKnown", (), {"__repr__": lambda self: "<primal not known>"})()


# -- one tangent -----------------------------------------------------------------------------------


def from_legacy(value: Any, primal: Any) -> Any:
    """One legacy tangent of `primal` as a tangent of the target language.

    `None` becomes `NoTangent()` where `primal` cannot be perturbed (a string, an integer, a plain function
    ...), else `ZeroTangent()`; a dict becomes `Tangent[type(primal)]` by field or key, without its `None`s;
    a tuple or a list the `Tangent` of a tuple, named tuple or list, by position. Parts are converted along
    with the parts of `primal`; parts that are target tangents already, numbers and arrays pass.

    Raises `TangentError` where a dict, tuple or list cannot be the tangent of `primal`.

    >>> from_legacy(({"a": 1.0, "b": None}, None), ({"a": 0.5, "b": 0.5}, "name"))
    Tangent[tuple](Tangent[dict]({'a': 1.0}), NoTangent())
    """
    if value is None:
        return ZeroTangent() if primal is _NOT_KNOWN else zero_of(primal)
    primal = _owner(primal)
    if isinstance(value, AbstractTangent):
        return value
    if isinstance(value, dict):
        return _from_dict(value, primal)
    if isinstance(value, (tuple, list)):
        return _from_sequence(value, primal)
    return value


def _owner(primal: Any) -> Any:
    """The instance of a bound method, whose tangent is that of the instance; anything else as it is."""
    return primal.__self__ if type(primal) is types.MethodType else primal


def _from_dict(value: dict[Any, Any], primal: Any) -> Any:
    kind = dict if primal is None or primal is _NOT_KNOWN else type(primal)
    if isinstance(primal, (np.ndarray, np.generic, float, complex, int, str, bytes, list)) or (
        isinstance(primal, tuple) and not is_namedtuple(primal)
    ):
        raise TangentError(
            f"a dict cannot be the tangent of a {kind.__name__}: its keys are {', '.join(map(repr, value))}"
        )
    parts = {}
    for key, part in value.items():
        if part is not None:
            found = _part_of(primal, key)
            parts[_name_of_position(primal, key)] = from_legacy(part, found)
    if tangent_type(kind)._kind == "named":
        return tangent_type(kind)(**parts)
    if tangent_type(kind)._kind == "positions":
        kind = dict
    return tangent_type(kind)(parts)


def _name_of_position(primal: Any, key: Any) -> Any:
    if is_namedtuple(primal) and isinstance(key, int):
        return primal._fields[key]
    return key


def _part_of(primal: Any, key: Any) -> Any:
    """The part of a primal with a key or name; where there is none, nothing is known of it."""
    try:
        if isinstance(primal, Mapping) or (
            isinstance(primal, (tuple, list)) and isinstance(key, int)
        ):
            return primal[key]
        return getattr(primal, key)
    except Exception:
        return _NOT_KNOWN


def _from_sequence(value: Any, primal: Any) -> Any:
    if isinstance(primal, np.ndarray):
        return _from_rows(value, primal)
    if isinstance(primal, (np.generic, float, complex, int, str, bytes, dict)):
        raise TangentError(
            f"a {type(value).__name__} of {len(value)} cannot be the tangent of a {type(primal).__name__}"
        )
    kind: Any = type(primal)
    if tangent_type(kind)._kind not in ("positions", "named"):
        kind = list if isinstance(value, list) else tuple
    elif len(value) > len(primal):
        raise TangentError(
            f"a {type(value).__name__} of {len(value)} cannot be the tangent of a {kind.__name__} of {len(primal)}"
        )
    parts = [from_legacy(part, _part_of(primal, i)) for i, part in enumerate(value)]
    return tangent_type(kind)(*parts)


def _from_rows(value: Any, primal: Any) -> Any:
    """A list or tuple of the tangents of an array's rows, as one array."""
    if len(value) != len(primal):
        raise TangentError(
            f"a {type(value).__name__} of {len(value)} cannot be the tangent of an array of shape {primal.shape}"
        )
    rows = []
    for part, row in zip(value, primal):
        part = unthunk(from_legacy(part, row))
        if isinstance(part, AbstractZero):
            part = np.zeros_like(row, dtype=np.result_type(primal, float))
        rows.append(part)
    return np.array(rows) if rows else np.zeros_like(primal)


class Fields(dict[Any, Any]):
    """The legacy tangent of an object or a dict: what is missing reads as `None`.

    >>> Fields(a=1.0)["b"] is None
    True
    """

    __slots__ = ()

    def __missing__(self, key: Any) -> None:
        return None


class NamedParts(Fields):
    """The legacy tangent of a named tuple: a dict that also takes positions.

    It iterates and unpacks by position; `keys`, `items`, `in`, `**` and `dict(...)` go by name.

    >>> dx, dy = parts = NamedParts(x=1.0, y=None)
    >>> dx, parts[0], parts["x"], parts[-1], parts[:1]
    (1.0, 1.0, 1.0, None, (1.0,))
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, slice)):
            return tuple(self.values())[key]
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        parts: list[Any] = list(self.values())
        return iter(parts)

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self.values())[::-1])

    def get(self, key: Any, default: Any = None) -> Any:
        """The part with that name or position, the default where there is none."""
        if isinstance(key, int):
            return self[key] if -len(self) <= key < len(self) else default
        return super().get(key, default)

    def __reduce__(self) -> Any:
        return NamedParts, (dict(self.items()),)


def to_legacy(tangent: Any, primal: Any = None) -> Any:
    """A tangent as a legacy one: zeros as `None`, a `Tangent` as a tuple, list or dict. `from_legacy` the
    other way round.

    The dict of an object or named tuple has all fields that are known, `None` for the zero ones; what else
    is missing reads as `None` too. That of a named tuple also takes positions. With `primal` its fields and
    keys are known. Thunks are computed.

    >>> to_legacy(Tangent[tuple](1.0, ZeroTangent(), Tangent[dict](a=2.0)))
    (1.0, None, {'a': 2.0})
    """
    tangent = unthunk(tangent)
    if isinstance(tangent, AbstractZero):
        return None
    if isinstance(tangent, Tangent):
        return _from_tangent(tangent, _owner(primal))
    if isinstance(tangent, (tuple, list)) and not is_namedtuple(tangent):
        return type(tangent)(to_legacy(part, _part_of(primal, i)) for i, part in enumerate(tangent))
    if type(tangent) is dict:
        return Fields(
            {key: to_legacy(part, _part_of(primal, key)) for key, part in tangent.items()}
        )
    return tangent


def _from_tangent(tangent: Tangent[Any], primal: Any) -> Any:
    kind = tangent._kind
    if kind == "positions" and is_namedtuple(primal):
        tangent, kind = tangent_type(type(primal))(*tangent), "named"
    if kind == "positions":
        parts = [to_legacy(part, _part_of(primal, i)) for i, part in enumerate(tangent)]
        if isinstance(primal, (tuple, list)):
            parts += [None] * (len(primal) - len(parts))
        return parts if issubclass(tangent.primal_type, list) else tuple(parts)
    if kind == "named":
        return NamedParts(
            {name: to_legacy(tangent[name], _part_of(primal, name)) for name in tangent._names}
        )
    known: Any = tangent._names
    if isinstance(primal, Mapping):
        known = primal
    elif primal is not None and primal is not _NOT_KNOWN and kind == "fields":
        known = field_names(primal)
    keys = dict.fromkeys((*known, *tangent))
    return Fields({key: to_legacy(tangent[key], _part_of(primal, key)) for key in keys})


# -- what a legacy pullback returns ----------------------------------------------------------------


def entries_from_legacy(result: Any, *primals: Any) -> tuple[Any, ...]:
    """What a legacy pullback returned, as a tuple with one target tangent for each of `primals`.

    `None` means that all of them are zero. Entries that are target tangents already pass.

    Raises `RuleError`, `Gradient ... should be a tuple`, for anything but a tuple with one entry for each.

    >>> entries_from_legacy((1.0, None), 2.0, "name")
    (1.0, NoTangent())
    """
    _check_entries(result, len(primals), "")
    if result is None:
        return tuple(map(zero_of, primals))
    return tuple(map(from_legacy, result, primals))


def _check_entries(result: Any, n: int, of: str) -> None:
    if result is None:
        return
    if not isinstance(result, tuple):
        raise RuleError(f"Gradient {result!r} should be a tuple{of}")
    if len(result) != n:
        raise RuleError(
            f"Gradient {result!r} should be a tuple of {n}, one entry for each parameter of the rule; "
            f"it has {len(result)}{of}"
        )


# -- whole rules -----------------------------------------------------------------------------------

_active: ContextVar[Any] = ContextVar("active_config", default=None)


def active_config() -> RuleConfig[Any]:
    """The config of the AD that asked for the legacy rule that is running; `TapeConfig()` where none is.

    >>> active_config()
    TapeConfig()
    """
    found = _active.get()
    if found is None:
        from .tape import TapeConfig

        found = TapeConfig()
    return found  # type: ignore[no-any-return]


class Context:
    """What a legacy rule gets for its `__context__` parameter; it knows the config that asked for the rule.

    >>> Context().config
    TapeConfig()
    """

    __slots__ = ("_config",)

    def __init__(self, config: Any = None) -> None:
        self._config = config

    @property
    def config(self) -> RuleConfig[Any]:
        """The config that the rule is to call back into."""
        return active_config() if self._config is None else self._config

    def __repr__(self) -> str:
        return "Context()"


class LegacyRule:
    """A legacy rule as an rrule function `(config, callee, *args, **kwargs)`; `from_legacy_rule` makes it.

    `rule` is the legacy function.
    """

    def __init__(
        self,
        rule: Callable[..., Any],
        *,
        functor: bool = False,
        mutating: bool = False,
        frame: Any = None,
        parameters: list[inspect.Parameter] | None = None,
    ) -> None:
        if not callable(rule):
            raise RuleError(f"a legacy rule is a function, not {rule!r}")
        self.rule = rule
        self.functor = functor
        self.mutating = mutating
        own = parameters_of(rule)
        if own is None:
            own = [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]
        self._takes_context = any(p.name == "__context__" for p in own)
        if parameters is None:
            parameters = [p for p in own if p.name != "__context__"]
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._fixed = sum(p.kind in positional for p in parameters)
        self.rule_form = RuleForm(
            parameters,
            Scope(rule, frame),
            functor=functor,
            runs_on_zero=mutating,
            as_functor=lambda: LegacyRule(
                rule, functor=True, mutating=mutating, frame=frame, parameters=parameters
            ),
        )
        self.__wrapped__ = rule
        self.__name__ = getattr(rule, "__name__", "rule")
        self.__qualname__ = getattr(rule, "__qualname__", self.__name__)
        self.__module__ = getattr(rule, "__module__", None) or __name__
        self.__doc__ = rule.__doc__

    def __call__(self, config: Any, /, *call: Any, **kwargs: Any) -> Any:
        args = call if self.functor else call[1:]
        if config is None:
            config = _active.get()
        result = self._run(config, args, kwargs)
        try:
            y, back = result
        except (TypeError, ValueError):
            raise RuleError(
                f"a legacy rule returns (y, pullback); {location_of(self.rule)} returned {result!r}"
            ) from None

        def legacy_pullback(dy: Any) -> tuple[Any, ...]:
            return self._pull(config, back, dy, y, args)

        return y, legacy_pullback

    def _run(self, config: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._takes_context:
            kwargs = {**kwargs, "__context__": Context(config)}
        token = _active.set(config)
        try:
            return self.rule(*args, **kwargs)
        finally:
            _active.reset(token)

    def _pull(
        self, config: Any, back: Any, dy: Any, y: Any, args: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        token = _active.set(config)
        try:
            result = back(to_legacy(dy, y))
        finally:
            _active.reset(token)
        _check_entries(
            result, max(self._fixed, len(args)), f" (the rule at {location_of(self.rule)})"
        )
        if result is None:
            entries = tuple(map(zero_of, args))
        else:
            entries = tuple(from_legacy(entry, x) for entry, x in zip(result, args))
        return entries if self.functor else (NoTangent(), *entries)

    def __repr__(self) -> str:
        return f"<legacy rule {self.__qualname__} at {location_of(self.rule)}>"


def from_legacy_rule(rule: Callable[..., Any], functor: bool = False) -> LegacyRule:
    """A whole legacy rule as an rrule function, to be registered: `rrule.register(f)(from_legacy_rule(rule))`.

    It dispatches on the annotations of the legacy rule and counts as a rule with a config that has
    `HasReverseMode`. The cotangent that the legacy pullback receives is a legacy one; what it returns is
    checked and converted. In functor form, for `Cls.__call__`, nothing is inserted: the legacy pullback
    gives the tangent of the instance first.

    Raises `RuleError` where `rule` cannot be a rule.

    >>> def cube(x): return x ** 3
    >>> from rules_runtime import rrule
    >>> _ = rrule.register(cube)(from_legacy_rule(lambda x: (x ** 3, lambda d: (3 * x ** 2 * d,))))
    >>> rrule(cube, 2.0)[1](1.0)
    (NoTangent(), 12.0)
    """
    if isinstance(rule, LegacyRule):
        return rule
    return LegacyRule(rule, functor=functor, frame=sys._getframe(1))
