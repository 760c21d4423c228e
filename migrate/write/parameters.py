"""Parameter lists taken apart and put together by libcst, so that comments and layout of what stays are kept."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst


def change_parameters(
    text: str, lead: Sequence[str], drop: frozenset[str], annotate: dict[str, str]
) -> str:
    """A list with parameters in front, with others dropped, and with new annotations."""
    module = cst.parse_module(f"def f({text}): pass\n")
    function = module.body[0]
    assert isinstance(function, cst.FunctionDef)
    parameters = function.params
    if drop:
        parameters = _without(parameters, drop)
    if annotate:
        parameters = parameters.visit(_Annotate(annotate))  # type: ignore[assignment]
    new = [_parameter(p) for p in lead]
    if new:
        first = (*parameters.posonly_params, *parameters.params)
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        anything = bool(first or parameters.kwonly_params or parameters.star_kwarg) or isinstance(
            parameters.star_arg, (cst.Param, cst.ParamStar)
        )
        spaced = [p.with_changes(comma=comma) for p in new]
        if not anything:
            spaced[-1] = spaced[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        if parameters.posonly_params:
            parameters = parameters.with_changes(
                posonly_params=[*spaced, *parameters.posonly_params]
            )
        else:
            parameters = parameters.with_changes(params=[*spaced, *parameters.params])
    code = module.with_changes(body=[function.with_changes(params=parameters)]).code
    return code[code.index("(") + 1 : code.rindex("): pass")]


def _parameter(text: str) -> cst.Param:
    parsed = cst.parse_module(f"def f({text}): pass\n").body[0]
    assert isinstance(parsed, cst.FunctionDef)
    return parsed.params.params[0]


def _without(parameters: cst.Parameters, drop: frozenset[str]) -> cst.Parameters:
    params = [p for p in parameters.params if p.name.value not in drop]
    positional = [p for p in parameters.posonly_params if p.name.value not in drop]
    keywords = [p for p in parameters.kwonly_params if p.name.value not in drop]
    star = parameters.star_arg
    if not keywords and isinstance(star, cst.ParamStar):
        star = cst.MaybeSentinel.DEFAULT
    changed = parameters.with_changes(
        params=params, posonly_params=positional, kwonly_params=keywords, star_arg=star
    )
    if not positional:
        changed = changed.with_changes(posonly_ind=cst.MaybeSentinel.DEFAULT)
    return _trim_last(changed)


def _trim_last(parameters: cst.Parameters) -> cst.Parameters:
    """No comma and space left over at the end of a list on one line."""
    for name in ("star_kwarg", "kwonly_params", "star_arg", "params", "posonly_params"):
        group = getattr(parameters, name)
        if name == "posonly_params" and group:
            return parameters
        if isinstance(group, cst.Param):
            return parameters.with_changes(**{name: _untrailed(group)})
        if isinstance(group, (list, tuple)) and group:
            return parameters.with_changes(**{name: [*group[:-1], _untrailed(group[-1])]})
    return parameters


def _untrailed(parameter: cst.Param) -> cst.Param:
    comma = parameter.comma
    if isinstance(comma, cst.Comma) and isinstance(comma.whitespace_after, cst.SimpleWhitespace):
        return parameter.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return parameter


class _Annotate(cst.CSTTransformer):
    def __init__(self, annotate: dict[str, str]) -> None:
        self.annotate = annotate

    def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
        wanted = self.annotate.get(original_node.name.value)
        if wanted is None:
            return updated_node
        expression = cst.parse_expression(wanted)
        if original_node.annotation is None:
            return updated_node.with_changes(annotation=cst.Annotation(expression))
        return updated_node.with_changes(
            annotation=original_node.annotation.with_changes(annotation=expression)
        )
