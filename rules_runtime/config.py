"""`RuleConfig`: which AD asks for a rule, and what it is able to do.

A rule that only makes sense for some ADs says so with its first parameter: `config:
RuleConfig[HasReverseMode]` for every AD that has a reverse mode, `config: MyAD` for one AD alone.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any, ClassVar, Generic, TypeVar, TypeVarTuple

from .errors import ConfigError
from .upward import ask


class HasReverseMode:
    """The feature of an AD that has a reverse mode:
    rules may call back into it with `rrule_via_ad`.

    >>> RuleConfig[HasReverseMode]().has(HasReverseMode)
    True
    """


class NoReverseMode:
    """The feature of an AD that says it has no reverse mode.

    >>> RuleConfig[NoReverseMode]().has(HasReverseMode)
    False
    """


class HasForwardMode:
    """The feature of an AD that has a forward mode.

    >>> RuleConfig[HasForwardMode]().has(HasForwardMode)
    True
    """


class NoForwardMode:
    """The feature of an AD that says it has no forward mode.

    >>> RuleConfig[NoForwardMode]().has(HasForwardMode)
    False
    """


#: As Julia spells them.
HasForwardsMode = HasForwardMode
NoForwardsMode = NoForwardMode

Features = TypeVarTuple("Features")

_bundles: dict[frozenset[type], Any] = {}
_bundles_lock = threading.Lock()


class RuleConfig(Generic[*Features]):
    """Who asks for a rule. `RuleConfig[A,
    B]` is the class of configs with the features `A` and `B`.

    An AD declares `class MyAD(RuleConfig[HasReverseMode])` and passes `MyAD()`; it overrides
    `rrule_via_ad` with its own way of differentiating. As an annotation, `RuleConfig[A, B]` asks
    for both features and `MyAD` for that AD. A feature is any class.

    >>> class MyAD(RuleConfig[HasReverseMode]): ...
    >>> MyAD().has(HasReverseMode), RuleConfig[HasReverseMode] is RuleConfig[HasReverseMode]
    (True, True)
    """

    features: ClassVar[frozenset[type]] = frozenset()
    _is_bundle: ClassVar[bool] = True

    def __class_getitem__(cls, features: Any) -> Any:
        wanted = features if isinstance(features, tuple) else (features,)
        if any(isinstance(f, TypeVar) or f is Any for f in wanted):
            return cls  # for type checkers
        for feature in wanted:
            if not isinstance(feature, type):
                raise ConfigError(
                    f"RuleConfig[...] takes features, which are classes; not {feature!r}"
                )
        if not cls._is_bundle:
            raise ConfigError(f"{cls.__name__} is one AD and takes no more features")
        key = cls.features | frozenset(wanted)
        with _bundles_lock:
            found = _bundles.get(key)
            if found is None:
                name = f"RuleConfig[{', '.join(sorted(f.__name__ for f in key))}]"
                space = {"features": key, "_is_bundle": True, "__module__": __name__}
                found = _bundles[key] = type(name, (RuleConfig,), space)
                found.__qualname__ = f"RuleConfig[{', '.join(sorted(map(_spelled, key)))}]"
        return found

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_is_bundle" not in cls.__dict__:
            cls._is_bundle = False
            inherited = (base.__dict__.get("features", ()) for base in cls.__mro__)
            cls.features = frozenset(feature for features in inherited for feature in features)

    @classmethod
    def has(cls, feature: type) -> bool:
        """Whether this AD declares a feature, or one that is a subclass of it.

        >>> RuleConfig[HasReverseMode]().has(HasForwardMode)
        False
        """
        return any(issubclass(own, feature) for own in cls.features)

    def rrule_via_ad(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """`(y, pullback)` of any call: by a rule where there is one,
        else by the built-in reverse mode.

        An AD with a reverse mode of its own overrides this. The pullback gives one tangent for `f`
        and one for each of `args`. Raises `ConfigError`
        where the AD does not declare `HasReverseMode`.

        >>> y, pullback = RuleConfig[HasReverseMode]().rrule_via_ad(abs, -2.0)
        >>> float(y), pullback(1.0)
        (2.0, (NoTangent(), -1.0))
        """
        return ask("rrule_via_ad", self, f, args, kwargs)

    def frule_via_ad(self, tangents: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        """`(y, dy)` of any call: by an frule or an rrule where there is one,
        else by the built-in tape.

        An AD with a forward mode of its own overrides this. `tangents` has one for `f` and one for
        each of `args`. Raises `ConfigError` where the AD does not declare `HasForwardMode`.

        >>> y, dy = RuleConfig[HasForwardMode]().frule_via_ad((None, 1.0), lambda x: x * x, 3.0)
        >>> float(y), float(dy)
        (9.0, 6.0)
        """
        return ask("frule_via_ad", self, tangents, f, args, kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _spelled(feature: type) -> str:
    """The name of a feature, without dots:
    by it a bundle is found again in another process (`__getattr__`)."""
    if feature.__module__ == __name__:
        return feature.__name__
    return f"{feature.__module__}/{feature.__qualname__}".replace(".", ":")


def __getattr__(name: str) -> Any:
    """`RuleConfig[A, B]`, asked for by that name, which is how pickle finds classes."""
    if not name.startswith("RuleConfig[") or not name.endswith("]"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    features = []
    for spelled in name[len("RuleConfig[") : -1].split(", "):
        module, _, path = spelled.replace(":", ".").rpartition("/")
        found: Any = importlib.import_module(module or __name__)
        for part in path.split("."):
            found = getattr(found, part)
        features.append(found)
    return RuleConfig.__class_getitem__(tuple(features))


def satisfies(config_type: type, wanted: type) -> bool:
    """Whether a config of one class may be passed where another was annotated.

    >>> satisfies(RuleConfig[HasReverseMode, NoForwardMode], RuleConfig[HasReverseMode])
    True
    """
    if issubclass(config_type, wanted):
        return True
    return is_requirement(wanted) and all(
        config_type.has(feature)  # type: ignore[attr-defined]
        for feature in wanted.features  # type: ignore[attr-defined]
    )


def is_requirement(wanted: type) -> bool:
    """Whether a rule annotated with this asks for features, which any AD may have;
    else it is for one AD.

    >>> class MyAD(RuleConfig[HasReverseMode]): ...
    >>> is_requirement(RuleConfig[HasReverseMode]), is_requirement(MyAD)
    (True, False)
    """
    return bool(getattr(wanted, "_is_bundle", False))
