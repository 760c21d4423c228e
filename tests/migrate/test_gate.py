"""The last gate: each promise, broken on purpose."""

from __future__ import annotations

import pytest

from migrate.syntax.source import Replacement, read_source
from migrate.write.gate import GateError, check

OLD = '''\
"""Module."""
import m  # why


@m.adjoint
def f(x):
    """What it does."""
    # a thought
    y = g(x)
    if y:
        note(y)
    return y, lambda d: (d,)


z = 1  # é
'''
START, END = OLD.index("@m"), OLD.index("\n\n\nz")


def tried(new: str, old: str = OLD, end: str = "\n") -> None:
    """Put `new` in the place of the definition, and pass the gate."""
    source = read_source(old.replace("\n", end).encode())
    changes = [Replacement(START, END, new)]
    check(source, old.replace("\n", end).encode(), source.spliced(changes), changes)


DEFINITION = OLD[START:END]


@pytest.mark.parametrize("end", [pytest.param("\n", id="LF"), pytest.param("\r\n", id="CRLF")])
def test_a_sound_rewriting_passes(end: str) -> None:
    tried(DEFINITION, end=end)
    tried(
        DEFINITION.replace("@m.adjoint", "@rrule.register(f)").replace("f(x)", "rrule_f(_, x)"),
        end=end,
    )
    tried(DEFINITION.replace("(d,)", "(NoTangent(), d)") + "\nf = keep(f)", end=end)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("    # a thought\n", "", "comment", id="a comment is lost"),
        pytest.param("# a thought", "# a though", "comment", id="a comment is changed"),
        pytest.param('    """What it does."""\n', "", "docstring", id="a docstring is lost"),
        pytest.param(
            '"""What it does."""', '"""What it did."""', "docstring", id="a docstring is changed"
        ),
        pytest.param("    if y:\n        note(y)\n", "", "statement", id="an if is lost"),
        pytest.param(
            "    return y, lambda d: (d,)", "    pass", "statement", id="a return is lost"
        ),
        pytest.param(
            "    y = g(x)\n", "    y = 1\n    y = 2\n", "", id="statements are counted by kind"
        ),
        pytest.param("        note(y)\n", "        pass\n", "statement", id="a call is lost"),
        pytest.param("    y = g(x)\n", "", "statement", id="an assignment is lost"),
        pytest.param("(d,)", "(d,", "parse", id="does not parse"),
        pytest.param("return y", "return = y", "parse", id="does not parse either"),
        pytest.param("return y", "yield y; return (yield)", "", id="compiles"),
        pytest.param("def f(x)", "def f(x, x)", "compile", id="two parameters of one name"),
        pytest.param(
            "    y = g(x)", "    nonlocal q\n    y = g(x)", "compile", id="a nonlocal of nothing"
        ),
        pytest.param(
            "@m.adjoint\ndef", "@m.adjoint\nasync def", "FunctionDef", id="another kind of def"
        ),
    ],
)
def test_a_broken_promise_is_caught(old: str, new: str, message: str) -> None:
    assert old in DEFINITION
    text = DEFINITION.replace(old, new)
    if not message:
        tried(text)
        return
    with pytest.raises(GateError, match=message):
        tried(text)


def test_a_comment_that_occurs_twice_must_stay_twice() -> None:
    old = "x = 1  # c\ny = 2  # c\n"
    source = read_source(old.encode())
    changes = [Replacement(old.index("y"), len(old) - 1, "y = 2")]
    with pytest.raises(GateError, match="comment"):
        check(source, old.encode(), source.spliced(changes), changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda b: b.replace(b"import m", b"import n"), "before", id="before the first change"
        ),
        pytest.param(lambda b: b.replace(b"z = 1", b"z = 2"), "after", id="after the last change"),
        pytest.param(lambda b: b + b"\n", "after", id="a line more at the end"),
        pytest.param(lambda b: b[:-1], "after", id="no final newline"),
        pytest.param(lambda b: b"\xef\xbb\xbf" + b, "", id="a byte-order mark"),
    ],
)
@pytest.mark.parametrize("end", [pytest.param("\n", id="LF"), pytest.param("\r\n", id="CRLF")])
@pytest.mark.parametrize("tail", [pytest.param("e", id="ascii"), pytest.param("é", id="not ascii")])
def test_bytes_outside_the_changes_must_stay(
    change: object, message: str, end: str, tail: str
) -> None:
    old = OLD.replace("é", tail).replace("\n", end)
    source = read_source(old.encode())
    changes = [Replacement(START, END, DEFINITION.replace("(d,)", "(0, d)"))]
    result = source.spliced(changes)
    check(source, old.encode(), result, changes)
    with pytest.raises(GateError):
        check(source, old.encode(), change(result), changes)  # type: ignore[operator]


def test_bytes_between_two_changes_must_stay() -> None:
    old = "a = 1\nb = 2\nc = 3\n"
    source = read_source(old.encode())
    changes = [Replacement(4, 5, "7"), Replacement(16, 17, "8")]
    result = source.spliced(changes)
    check(source, old.encode(), result, changes)
    with pytest.raises(GateError):
        check(source, old.encode(), result.replace(b"b = 2", b"b = 5"), changes)


def test_no_change_is_no_change() -> None:
    source = read_source(OLD.encode())
    check(source, OLD.encode(), OLD.encode(), [])
    with pytest.raises(GateError, match="without a reason"):
        check(source, OLD.encode(), OLD.encode() + b" ", [])
