"""`test_rrule`: everything that is checked about one rule at one point."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rules_runtime.config import RuleConfig
from rules_runtime.tangents import AbstractZero, NoTangent
from rules_runtime.thunks import Thunk, unthunk

from .accumulating import accumulation_problems
from .calls import complaint, run_rule
from .comparing import Tolerance, compare_leaf, tolerance_for, unchanged, value_problem
from .cotangents import SEED, as_cotangent, cotangent_along, random_cotangent, with_a_zero_part
from .differences import Moved, NoDerivative, flat, flat_cotangent, moved_leaf
from .failures import Problem, RuleTestFailure, call_text, callable_name, shown
from .parts import Path, is_differentiable, is_number, leaves, mapped, replaced, spoken
from .reading import Reading, read_tangent

__tracebackhide__ = True  # pytest shows the line of the test, not how the tester came to fail

_NOT_GIVEN: Any = object()


@dataclass(frozen=True)
class Along:
    """An argument of `test_rrule` together with the direction in which it is moved:
    `x ⊢ dx` in Julia.

    >>> Along(2.0, 1.0).tangent
    1.0
    """

    value: Any
    tangent: Any


def test_rrule(
    *config_f_args: Any,
    output_tangent: Any = _NOT_GIVEN,
    fkwargs: Mapping[str, Any] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    strict: bool = False,
) -> None:
    """Check the rule of `f` at `args` by finite differences: ``test_rrule([config,] f, *args)``.

    Checked are: that there is a rule; its value; that its pullback gives a tuple with one tangent
    for the callee and one for each positional argument; that each tangent has the structure, shape
    and realness of its argument and agrees with central differences, also for a structured
    cotangent with one part after the other zero; that what is not differentiable (a string, an
    integer, a function ...) gets a zero; that nothing is changed in place; that a thunked cotangent
    and a second call give the same; and that the tangents can be accumulated.

    Args:
        config_f_args: optionally a `RuleConfig` (default `TapeConfig()`), the callable, its
            positional arguments. The function must be smooth at this point. An argument that may be
            moved in some directions only (a symmetric matrix, say) is given as `Along(x, dx)`: the
            function is differentiated along `dx` alone, and not at all where that is a zero.
        output_tangent: the cotangent to try; random ones where it is not given. Structured
            cotangents are `Tangent`s; plain tuples, lists and dicts are taken too.
        fkwargs: keyword arguments of the call.
        rtol: ``|rule - differences| <= atol + rtol * larger``; by default 1e-6, and looser where
            float32 or float16 occur.
        atol: by default 1e-8, and looser as `rtol` is.
        strict: the zero of an argument that is not differentiable must be `NoTangent()`.

    Raises:
        RuleTestFailure: an `AssertionError` that says which argument, what the rule gave and what
            finite differences gave.

    >>> test_rrule(np.multiply, 2.0, np.array([1.0, 3.0]))
    """
    config, f, given = split_call(config_f_args)
    args = tuple([x.value if isinstance(x, Along) else x for x in given])
    chosen = {k: x.tangent for k, x in enumerate(given, 1) if isinstance(x, Along)}
    check = RuleCheck(config, f, args, dict(fkwargs or {}), strict, chosen)
    check.run(output_tangent, rtol, atol)


def test_scalar(f: Callable[..., Any], x: Any, **options: Any) -> None:
    """Check the rule of a function of one number, which gives one, by finite differences.

    It is tried with Python's and numpy's numbers and with a 0-d array; of a complex result both the
    real and the imaginary part are. `options` are those of `test_rrule`.

    Raises:
        RuleTestFailure: as `test_rrule` does.

    >>> test_scalar(np.sin, 0.3)
    """
    kind = complex if np.iscomplexobj(x) else float
    y = f(kind(x))
    if np.shape(y) or not is_number(y):
        raise TypeError(f"test_scalar(f, x) needs a function that gives a number, not {y!r}")
    for one in (kind(x), np.dtype(kind).type(x), np.array(x, kind)):
        for dy in (1.0, 1j) if np.iscomplexobj(y) else (1.0,):
            test_rrule(f, one, output_tangent=dy, **options)


def split_call(config_f_args: Sequence[Any]) -> tuple[RuleConfig[Any], Any, tuple[Any, ...]]:
    if config_f_args and isinstance(config_f_args[0], RuleConfig):
        config, *call = config_f_args
    else:
        from rules_runtime.tape import TapeConfig

        config, call = TapeConfig(), list(config_f_args)
    if not call:
        raise TypeError("test_rrule([config,] f, *args) needs a callable")
    return config, call[0], tuple(call[1:])


class RuleCheck:
    """One rule at one point. Problems that make the rest pointless are raised at once."""

    def __init__(
        self,
        config: RuleConfig[Any],
        f: Any,
        args: tuple[Any, ...],
        fkwargs: dict[str, Any],
        strict: bool,
        chosen: dict[int, Any],
    ) -> None:
        self.chosen = chosen  # the direction of an argument, by its number
        self.config, self.f, self.args, self.fkwargs, self.strict = config, f, args, fkwargs, strict
        self.callee = _callee_primal(f)
        self.primals = (self.callee, *args)
        self.places = ("the callee", *_argument_names(f, args))
        self.problems: list[Problem] = []
        self.before = _copied((self.callee, args, fkwargs))

    def run(self, output_tangent: Any, rtol: float | None, atol: float | None) -> None:
        y = self.call_function()
        self.tolerance = tolerance_for((*self.args, self.callee, y), rtol, atol)
        self.y, self.pullback = self.call_rule()
        self.add(value_problem(y, self.y, "the primal value", self.tolerance))
        self.check_untouched("the forward pass")
        self.stop_if_wrong()

        cotangents = self.cotangents(y, output_tangent)
        readings = [self.pull(label, cotangent) for label, cotangent in cotangents]
        self.stop_if_wrong()
        self.compare(y, [cotangent for _, cotangent in cotangents], readings)
        self.stop_if_wrong()

        _, first = cotangents[0]
        again = self.pull("called a second time", first)
        self.check_same(
            readings[0], again, "the pullback gave something else when called a second time"
        )
        thunked = self.pull("for a thunked cotangent", Thunk(lambda: first))
        self.check_same(
            readings[0], thunked, "the pullback gave something else for a thunked cotangent"
        )
        self.stop_if_wrong()
        self.check_accumulation(first)
        self.stop_if_wrong()

    # -- the pieces ------------------------------------------------------------------------------

    def add(self, problem: Problem | None) -> None:
        if problem is not None:
            self.problems.append(problem)

    def stop_if_wrong(self) -> None:
        if self.problems:
            raise RuleTestFailure(call_text(self.f, self.args, self.fkwargs), self.problems)

    def fail(self, what: str, cause: BaseException | None = None) -> RuleTestFailure:
        failure = RuleTestFailure(call_text(self.f, self.args, self.fkwargs), [Problem("", what)])
        failure.__cause__ = cause
        return failure

    def call_function(self) -> Any:
        """The value of the function on copies;
        what it changes in place the rule may change as well."""
        f, args, fkwargs = _copied((self.f, self.args, self.fkwargs))
        y = f(*args, **fkwargs)
        after = (_callee_primal(f), args, fkwargs)
        self.mutates = unchanged(self.before, after, "") is not None
        if self.mutates:
            self.primals = _copied(self.primals)  # what the differences start from
            self.before = _copied(after)
        return y

    def call_rule(self) -> tuple[Any, Callable[[Any], Any]]:
        try:
            result = run_rule(self.config, self.f, self.args, self.fkwargs)
        except Exception as error:
            raise self.fail(f"the rule raised {type(error).__name__}: {error}", error) from error
        if result is None:
            kinds = ", ".join(type(arg).__name__ for arg in self.args)
            raise self.fail(f"there is no rule for {callable_name(self.f)}({kinds})")
        return result

    def cotangents(self, y: Any, output_tangent: Any) -> list[tuple[str, Any]]:
        if output_tangent is not _NOT_GIVEN:
            return [("", as_cotangent(y, output_tangent))]
        rng = np.random.default_rng(SEED)
        first = random_cotangent(y, rng)
        found = [("", first), ("for a second cotangent", random_cotangent(y, rng))]
        for part, cotangent in with_a_zero_part(y, first):
            found.append((f"for a cotangent with {part} zero", cotangent))
        return found

    def pull(self, label: str, cotangent: Any) -> list[Reading]:
        """Run the pullback and read what it gives, argument by argument."""
        before = _copied(cotangent)
        tangents = self.run_pullback(label, cotangent)
        readings = [
            read_tangent(primal, tangent, place)
            for primal, tangent, place in zip(self.primals, tangents, self.places)
        ]
        for reading in readings:
            self.problems += [_labelled(problem, label) for problem in reading.problems]
        self.check_zeros(tangents, label)
        self.check_untouched("the pullback")
        if not isinstance(cotangent, Thunk) and unchanged(before, cotangent, "") is not None:
            self.add(Problem("", "the pullback changed its cotangent in place"))
        for reading in readings:
            reading.numbers = {path: np.array(value) for path, value in reading.numbers.items()}
        return readings

    def run_pullback(self, label: str, cotangent: Any) -> tuple[Any, ...]:
        try:
            tangents: tuple[Any, ...] = self.pullback(cotangent)
        except Exception as error:
            what = complaint(self.pullback, unthunk(cotangent), error)
            what = what or f"the pullback raised {type(error).__name__}: {error}"
            raise self.fail(f"{what} ({label})" if label else what, error) from error
        return tangents

    def check_zeros(self, tangents: tuple[Any, ...], label: str) -> None:
        if not self.strict:
            return
        for primal, tangent, place in zip(self.primals, tangents, self.places):
            is_other_zero = isinstance(tangent, AbstractZero) and not isinstance(tangent, NoTangent)
            if is_other_zero and not is_differentiable(primal):
                what = "its zero must be NoTangent(), since it is not differentiable (strict)"
                self.add(
                    _labelled(Problem(place, what, (("the rule gave", repr(tangent)),)), label)
                )

    def check_untouched(self, during: str) -> None:
        callee, args, fkwargs = self.before
        found = [unchanged(callee, self.callee, "the callee")]
        names = self.places[1:]
        found += [unchanged(old, new, name) for old, new, name in zip(args, self.args, names)]
        found += [
            unchanged(old, self.fkwargs[name], f"keyword argument {name}")
            for name, old in fkwargs.items()
        ]
        for where in found:
            if where is not None:
                self.add(Problem(where, f"was changed in place by {during} of the rule"))
        self.stop_if_wrong()

    def compare(self, y: Any, cotangents: list[Any], readings: list[list[Reading]]) -> None:
        """Each tangent against finite differences, for all cotangents in one sweep."""
        point, y = self.widened(y)
        at_zero = flat(y)
        weights = np.array([flat_cotangent(y, unthunk(c)) for c in cotangents])
        epsilon = max(
            (float(np.finfo(np.asarray(leaf).dtype).eps) for _, leaf in leaves((point, y))),
            default=0.0,
        )
        for position, (primal, place) in enumerate(zip(point, self.places)):
            for path, leaf in leaves(primal):
                if not any(path in of_one[position].numbers for of_one in readings):
                    continue
                chosen = (
                    unthunk(cotangent_along(self.chosen[position], path))
                    if position in self.chosen
                    else None
                )
                if isinstance(chosen, AbstractZero):
                    continue

                def f(moved: Any, position: int = position, path: Path = path) -> Any:
                    return self.evaluate(_with(point, position, path, moved))

                try:
                    found = moved_leaf(f, leaf, weights, at_zero, max(epsilon, 2.3e-16), chosen)
                except NoDerivative:
                    what = "finite differences found no value near this point"
                    self.add(Problem(place + spoken(path), what))
                    continue
                self.add(self.first_difference(place, path, found, cotangents, readings, position))

    def first_difference(
        self,
        place: str,
        path: Path,
        found: list[Moved],
        cotangents: list[Any],
        readings: list[list[Reading]],
        position: int,
    ) -> Problem | None:
        for which, (cotangent, of_one) in enumerate(zip(cotangents, readings)):
            given = of_one[position].numbers.get(path)
            if given is None:
                continue
            where = place + spoken(path)
            problem = compare_leaf(where, given, found, which, cotangent, self.tolerance)
            if problem is not None:
                return problem
        return None

    def widened(self, y: Any) -> tuple[tuple[Any, ...], Any]:
        """The point and its value in double precision, where the function gives the same there."""
        point = self.primals
        wide = tuple(mapped(primal, _widen) for primal in point)
        try:
            with np.errstate(all="ignore"):
                wide_y = self.evaluate(wide)
        except Exception:
            return point, y
        if len(flat(wide_y)) != len(flat(y)):
            return point, y
        if value_problem(
            y, wide_y, "", Tolerance(self.tolerance.rtol * 10, self.tolerance.atol * 10)
        ):
            return point, y
        return wide, wide_y

    def evaluate(self, point: tuple[Any, ...]) -> Any:
        callee, args, fkwargs = point[0], point[1:], self.fkwargs
        if self.mutates:
            callee, args, fkwargs = _copied((callee, args, fkwargs))
        if _is_bound(self.f):
            return self.f.__func__(callee, *args, **fkwargs)
        return callee(*args, **fkwargs)

    def check_same(self, expected: list[Reading], given: list[Reading], what: str) -> None:
        for place, old, new in zip(self.places, expected, given):
            for path, value in old.numbers.items():
                other = new.numbers.get(path)
                if other is None or np.all(self.tolerance.allows(value, other)):
                    continue
                facts = (("at first", shown(value)), ("then", shown(other)))
                self.add(Problem(place + spoken(path), what, facts))

    def check_accumulation(self, cotangent: Any) -> None:
        tangents = self.run_pullback("", cotangent)
        kept = [_copied(unthunk(tangent)) for tangent in tangents]
        for place, primal, tangent in zip(self.places, self.primals, tangents):
            if is_differentiable(primal):
                self.problems += accumulation_problems(place, primal, tangent, self.tolerance)
        self.run_pullback("", random_cotangent(self.y, np.random.default_rng(SEED + 1)))
        for place, old, tangent in zip(self.places, kept, tangents):
            if unchanged(old, unthunk(tangent), "") is not None:
                self.add(
                    Problem(
                        place, "a later call of the pullback overwrote the tangent it gave before"
                    )
                )


def _callee_primal(f: Any) -> Any:
    """What the first tangent belongs to: the instance behind a bound method, else the callee."""
    return f.__self__ if _is_bound(f) else f


def _is_bound(f: Any) -> bool:
    return inspect.ismethod(f) and not isinstance(f.__self__, type)


def _argument_names(f: Any, args: tuple[Any, ...]) -> list[str]:
    """``argument 2 (y)`` for each positional argument; the name only where Python knows it."""
    names: list[str | None] = [None] * len(args)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for i in range(len(args)):
        parameter = parameters[min(i, len(parameters) - 1)] if parameters else None
        if parameter is None:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            names[i] = f"{parameter.name}[{i - len(parameters) + 1}]"
        elif i < len(parameters) and parameter.kind is not parameter.KEYWORD_ONLY:
            names[i] = parameter.name
    return [f"argument {i}" + (f" ({name})" if name else "") for i, name in enumerate(names, 1)]


def _with(point: tuple[Any, ...], position: int, path: Path, leaf: Any) -> tuple[Any, ...]:
    return (*point[:position], replaced(point[position], path, leaf), *point[position + 1 :])


def _widen(leaf: Any) -> Any:
    kind = np.asarray(leaf).dtype
    if kind.itemsize >= (16 if kind.kind == "c" else 8):
        return leaf
    wide = np.complex128 if kind.kind == "c" else np.float64
    return leaf.astype(wide) if isinstance(leaf, np.ndarray) else wide(leaf)


def _copied(value: Any) -> Any:
    """A deep copy, as deep as that goes."""
    try:
        return copy.deepcopy(value)
    except Exception:
        if type(value) in (tuple, list):
            return type(value)(_copied(part) for part in value)
        if type(value) is dict:
            return {key: _copied(part) for key, part in value.items()}
        return value


def _labelled(problem: Problem, label: str) -> Problem:
    return Problem(problem.where, f"{problem.what} ({label})", problem.facts) if label else problem
