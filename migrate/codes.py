"""Every message code: what it says in a line, why, an example, and its place in the guide.

RM1xx: converted, and worth a look. RM2xx: left as it was. RM4xx: advice. RM9xx:
the file could not be done.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """One kind of message."""

    code: str
    title: str
    explanation: str
    example_before: str = ""
    example_after: str = ""
    guide: str = ""  # the section of the guide "Converting ZygoteRules.@adjoint to rrules"


_ALL = (
    Code(
        "RM100",
        "a legacy rule that can be converted",
        "Reports for programs say so of each rule that `--check` and `--diff` find; run without these options to convert it.",
        "@adjoint\ndef f(x):\n    return g(x), lambda dy: (2 * dy,)",
        "@rrule.register(f)\ndef rrule_f(_, x):\n    return g(x), lambda dy: (NoTangent(), 2 * dy)",
        "Write as a rrule(::typeof(f), ...)",
    ),
    Code(
        "RM101",
        "a tangent is converted at run time",
        "Where the value of a tangent comes from could not be decided from the text (the result of a function that is not in "
        "this file, say), so it is wrapped in `from_legacy(value, primal)`, which is right for every legacy tangent. If you know "
        "that the value is always an array or a number, the call can be taken away.",
        "return y, lambda dy: (slope(dy),)",
        "return y, lambda dy: (NoTangent(), from_legacy(slope(dy), x))",
        "Tangent Type changes",
    ),
    Code(
        "RM102",
        "the result of a pullback is converted at run time",
        "The whole result of the pullback, or entries that are unpacked into it, could not be followed. "
        "`entries_from_legacy(result, *primals)` turns it into one tangent for each argument when the rule runs.",
        "return y, lambda dy: entries(dy)",
        "return y, lambda dy: (NoTangent(), *entries_from_legacy(entries(dy), x, z))",
        "Tangent Type changes",
    ),
    Code(
        "RM103",
        "the rule is bridged as a whole",
        "The rule could not be rewritten from its text, so it stays in the legacy language and is registered through "
        "`from_legacy_rule`, which converts what goes in and out of its pullback. The message says what could not be followed.",
        "@adjoint(np.sin)\ndef sin_rule(x): ...",
        "@rrule.register(np.sin)\n@from_legacy_rule\ndef sin_rule(x): ...",
        "What if I miss something",
    ),
    Code(
        "RM104",
        "a tangent crosses into code that is not converted",
        "A function that other code uses too, or that is not in this file, is given a tangent. It gets it in the legacy language, "
        "through `to_legacy`.",
        "return y, lambda dy: (helper(dy) * x,)",
        "return y, lambda dy: (NoTangent(), helper(to_legacy(dy)) * x)",
        "Tangent Type changes",
    ),
    Code(
        "RM105",
        "a call into an AD stays on the legacy import",
        "Outside of rules, `pullback` and `gradient` are the program's own use of an AD. Which AD should take their place is for you "
        "to say; `rules_runtime.pullback` and `rules_runtime.gradient` are one answer.",
        "g, = gradient(loss, w)",
        "g, = gradient(loss, w)  # unchanged",
        "Calling back into AD",
    ),
    Code(
        "RM106",
        "a tangent names a field that the class does not show",
        "The class is defined in this file and has no such field, as far as can be seen. A tangent for a field that does not exist "
        "is ignored by the AD, so this is often a spelling mistake.",
        'return y, lambda dy: ({"lenght": dy},)',
        "return y, lambda dy: (NoTangent(), Tangent[Rod](lenght=dy))",
        "Tangent Type changes",
    ),
    Code(
        "RM107",
        "decorators above `@adjoint` are applied in a statement of their own",
        "A bare `@adjoint` gives back the primal function, so what stands above it decorated that function and not the rule. The rule "
        "has a name of its own now; the decorators are applied to the function after it.",
        "@public\n@adjoint\ndef f(x): ...",
        "@rrule.register(f)\ndef rrule_f(_, x): ...\nf = public(f)",
        "Write as a rrule(::typeof(f), ...)",
    ),
    Code(
        "RM108",
        "a legacy name is used as a value",
        "Outside of rules a legacy name that is not called (kept in a table, handed to a function, chosen by a condition) stays on the "
        "legacy import: what becomes of it cannot be seen.",
        "RULES = {'sum': accum}",
        "RULES = {'sum': accum}  # unchanged",
        "",
    ),
    Code(
        "RM109",
        "a rule of autograd's does something that the text does not show",
        "The message says what: another rule replaces it, it reads state when its function is called, it goes on using a part of "
        "autograd.",
        "defvjp(f, maker)\ndefvjp(f, other)",
        "@rrule.register(f)\ndef rrule_f(_, x): ...",
        "",
    ),
    Code(
        "RM110",
        "a helper of the legacy library stays",
        "The rule calls a function of the legacy library for which the runtime has no counterpart, so the import stays, and "
        "the rule runs where the library is installed.",
        "d[x] = tangent.unreduce_like(d[y], x, None, False)",
        "return NoTangent(), tangent.unreduce_like(dy, x, None, False)",
        "",
    ),
    Code(
        "RM201",
        "a rule that mutates its arguments is left",
        "`mutating=True` is Julia's `@adjoint!`: its pullback has side effects and runs even where there is no cotangent. Nothing in "
        "the target language corresponds to that. Rewrite the function without mutation, or keep the rule on the legacy import.",
        "@adjoint(fill, mutating=True)\ndef _(x, v): ...",
        "",
        "",
    ),
    Code(
        "RM202",
        "a pullback that returns no tuple is left",
        "The text of the pullback shows a result that is neither a tuple nor None, so the legacy rule fails when it runs "
        "(`Gradient … should be a tuple`). Decide what it should return first.",
        "return y, lambda dy: 2 * dy",
        "",
        "Include the derivative with respect to the function object itself",
    ),
    Code(
        "RM203",
        "a pullback with the wrong number of entries is left",
        "A legacy pullback returns one entry for each positional parameter of the rule. This one shows another number, so it "
        "fails when it runs, or gives gradients to the wrong arguments.",
        "def f(x, y):\n    return x * y, lambda d: (d * y,)",
        "",
        "Include the derivative with respect to the function object itself",
    ),
    Code(
        "RM204",
        "a coroutine or a generator is left",
        "A rule returns a value and a pullback when it is called. A coroutine or a generator does not.",
        "@adjoint\nasync def f(x): ...",
        "",
        "",
    ),
    Code(
        "RM205",
        "left because a comment asks for it",
        "`# rrule-migrate: skip` stands on the line of the `def` or of a decorator, or `# rrule-migrate: skip-file` in the file.",
        "@adjoint  # rrule-migrate: skip\ndef f(x): ...",
        "",
        "",
    ),
    Code(
        "RM206",
        "a form of registration that is not understood is left",
        "The message says which, and what to do. In Zygote's language write it as `@adjoint(target)` on a `def`; in autograd's as "
        "a statement `defvjp(f, maker, ...)` for a primitive; and run the tool again.",
        "@adjoint(f, g)\ndef rule(x): ...",
        "",
        "Write as a rrule(::typeof(f), ...)",
    ),
    Code(
        "RM207",
        "the target may or may not be the call of an instance",
        "For `Cls.__call__` the pullback returns the tangent of the instance first, for any other target it does not. Here the "
        "target is sometimes the one and sometimes the other.",
        "for t in (f, Dense.__call__):\n    adjoint(t)(rule)",
        "",
        "Include the derivative with respect to the function object itself",
    ),
    Code(
        "RM208",
        "a decorator above `@adjoint(target)` is given the rule, which cannot be followed",
        "The rule would have to be registered through `from_legacy_rule`, and what the decorator above would get then is not what "
        "it got before. Take the decorator away, or write the rule so that it can be followed.",
        "@collect\n@adjoint(np.sin)\ndef rule(x): ...",
        "",
        "",
    ),
    Code(
        "RM209",
        "a use of `nograd` that is not understood is left",
        "`nograd(f, g)` as a statement, `nograd(f)` and `@nograd` are converted.",
        "flags = nograd(f, g)",
        "",
        "@nograd becomes @non_differentiable",
    ),
    Code(
        "RM210",
        "what the tool would have written did not pass its last check",
        "The new text lost a comment or a statement, did not parse, or would change again on a second run. The file was left alone. "
        "This is a bug of the tool: please report it with the rule.",
    ),
    Code(
        "RM211",
        "under `--verify` the converted rule gave something else",
        "The rule was run beside its legacy self, and the value or a gradient is another one, so the whole file was left alone. "
        "Either the rule depends on what differs from run to run (time, a cache, random numbers), or this is a bug of the tool: "
        "please report it with the rule and the input. `# rrule-migrate: skip` at the rule lets the rest of the file be converted.",
        "    return y, lambda dy: (dy * time.time(),)",
    ),
    Code(
        "RM401",
        "a lambda as a pullback has no name in tracebacks",
        "A named function says in a traceback which rule it belongs to.",
        "return y, lambda dy: (NoTangent(), dy)",
        "def f_pullback(dy):\n    return NoTangent(), dy\nreturn y, f_pullback",
        "Example",
    ),
    Code(
        "RM402",
        "two or more costly tangents could be thunks",
        "A thunk is computed only where somebody asks for its tangent.",
        "return NoTangent(), dC @ B.T, A.T @ dC",
        "return NoTangent(), Thunk(lambda: dC @ B.T), Thunk(lambda: A.T @ dC)",
        "Consider adding some thunks",
    ),
    Code(
        "RM403",
        "a tangent may leave the space of its argument",
        "The argument is annotated as real (or has a structure), and the tangent may be complex or dense. "
        "`ProjectTo(x)(dx)` brings it back.",
        "return NoTangent(), np.conj(w) * dy",
        "return NoTangent(), ProjectTo(x)(np.conj(w) * dy)",
        "Take embedded spaces and types seriously",
    ),
    Code(
        "RM404",
        "the rule says that the function is not differentiable",
        "Every tangent is a zero: `non_differentiable(f)` says the same.",
        "@rrule.register(f)\ndef rrule_f(_, x):\n    return f(x), lambda dy: (NoTangent(), NoTangent())",
        "non_differentiable(f)",
        "@nograd becomes @non_differentiable",
    ),
    Code(
        "RM901",
        "the file cannot be read as Python",
        "It is left as it is; the message says where and why. The other files are done.",
    ),
    Code(
        "RM902",
        "the tool failed on this file",
        "The file was left alone. This is a bug of the tool: please report it, with the file if you can.",
    ),
    Code(
        "RM911",
        "a path is missing",
        "No file or folder has that name. The other paths are done, and the exit code is 2.",
    ),
    Code(
        "RM912",
        "a file cannot be read",
        "Its permissions forbid it, it is a symbolic link to nothing or to itself, or it is neither a file nor a folder "
        "(a pipe, a device). The other files are done, and the exit code is 2.",
    ),
    Code(
        "RM913",
        "a file cannot be written",
        "It or its folder is read-only (for root too: the mode bits say what the owner wants), or the disk is full. "
        "It is as it was; the other files are done, and the exit code is 2.",
    ),
    Code(
        "RM914",
        "a file changed in the meantime",
        "Between reading and writing, or since its plan was made, it became another. It is never overwritten then; "
        "run again to convert what it holds now.",
    ),
    Code(
        "RM915",
        "a file has uncommitted changes",
        "A tracked file whose content git does not hold yet is not rewritten, so that the tool's changes and yours do not "
        "mix. Commit or stash yours, or pass `--allow-dirty`. Untracked files and files outside git are never refused.",
    ),
    Code(
        "RM916",
        "the cases of a file cannot be used",
        "Under `--verify`, the function `cases()` of the file fails, or gives something that is no list of (label, callable, "
        "arguments) or (label, callable, arguments, keywords). Nothing was found out about the file, so it is not written.",
        'def cases():\n    return [("two", double, 2.0)]',
        'def cases():\n    return [("two", double, (2.0,))]',
    ),
)

CODES: dict[str, Code] = {code.code: code for code in _ALL}
