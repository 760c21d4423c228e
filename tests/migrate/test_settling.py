"""What cannot be printed, or does not pass the last gate, costs one rule or one call:
never the file."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.convert import convert_source
from migrate.dialects.zygote.in_place.definitions import DefinitionRewriter
from migrate.dialects.zygote.outside import OutsideRewriter
from migrate.model import FileConverted, Options

LONG = " + x" * 600
BYSTANDER = "\n\n@adjoint\ndef g(x):\n    return x, lambda d: (2 * d,)\n"
CONVERTED = (
    "\n\n@rrule.register(g)\ndef rrule_g(_, x):\n    return x, lambda d: (NoTangent(), 2 * d)\n"
)


def converted(text: str) -> FileConverted:
    """What becomes of a file with a second rule at its end, which is converted."""
    outcome = convert_source(text.encode() + BYSTANDER.encode(), "t.py", Options())
    assert isinstance(outcome, FileConverted), outcome
    assert outcome.after.decode().endswith(CONVERTED)
    return outcome


def codes(outcome: FileConverted) -> dict[str, set[str]]:
    """The codes that are told of each rule, and of the file."""
    found = {rule.name: {note.code for note in rule.notes} for rule in outcome.converted}
    found |= {rule.name: {rule.code} for rule in outcome.left}
    return {name: told for name, told in found.items() if told} | (
        {"": {note.code for note in outcome.notes}} if outcome.notes else {}
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(
            "@adjoint\ndef f(x):\n    y = x\n\x0c    return y, lambda d: (None,)\n",
            "\n    y = x\n\x0c    return y",
            id="form feed in a body",
        ),
        pytest.param(
            "class A:\n  @adjoint\n\x0c  def __call__(self, x):\n    return x, lambda d: (None, d)\n",
            "\n\x0c  def rrule_call(self, x):\n",
            id="form feed in a head",
        ),
        pytest.param(
            "@adjoint\ndef f(x):\n    (y): int = 7\n    return x, lambda d: (d,)\n",
            "    (y): int = 7\n",
            id="a target in parentheses",
        ),
        pytest.param(
            "@adjoint\ndef f(x):\n    def back(d):\n        (y): object = None\n"
            "        if x:\n            y = d\n        return (y,)\n    return x, back\n",
            "        (y): object = ZeroTangent()\n",
            id="a zero for a target in parentheses",
        ),
        pytest.param(
            "@adjoint\ndef f(\n    h,  # a function\n    *,\n    __context__,  # calls back\n):\n"
            "    return _pullback(__context__, h)\n",
            "    h,  # a function\n    # calls back\n):",
            id="a comment beside the context",
        ),
        pytest.param(
            "@adjoint\ndef f(x):\n    return x, lambda d: (1 if None in (d) else 2,)\n",
            " for part in (d)) else 2",
            id="None in parentheses",
        ),
    ],
)
def test_odd_texts_are_converted(text: str, kept: str) -> None:
    outcome = converted("from zygote_rules import _pullback, adjoint\n" + text)
    assert not codes(outcome)
    assert kept in outcome.after.decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"    return x{LONG}, lambda d: (d,)\n", id="in its value"),
        pytest.param(f"    return x, lambda d: (d * (x{LONG}),)\n", id="in an entry"),
        pytest.param(f"    return x, lambda d: (accum(d{LONG}, d),)\n", id="around a call"),
        pytest.param("    return x, lambda d: (accum(d, d)" + ".copy()" * 400 + ",)\n", id="calls"),
    ],
)
def test_what_is_nested_too_deeply_is_bridged(text: str) -> None:
    outcome = converted(f"from zygote_rules import accum, adjoint\n@adjoint\ndef f(x):\n{text}")
    assert codes(outcome) == {"f": {"RM103"}}
    assert text in outcome.after.decode()


def test_a_call_outside_of_rules_that_cannot_be_printed_stays() -> None:
    odd = f"z = dropgrad(ignore(lambda: x)){LONG}\n"
    outcome = converted(
        f"from zygote_rules import accum, adjoint, dropgrad, ignore\n{odd}y = accum(1, 2)\n"
    )
    assert codes(outcome) == {"": {"RM108"}}
    assert f"\n{odd}y = add(1, 2)\n" in outcome.after.decode()


def test_a_rule_that_loses_a_comment_is_bridged() -> None:
    text = (
        "from zygote_rules import adjoint\n\n\n@adjoint\ndef f(x: P):\n"
        "    return x, lambda d: ({('a'  # why\n        'b'): d},)\n"
    )
    outcome = converted(text)
    assert codes(outcome) == {"f": {"RM103"}}
    assert "# why" in outcome.after.decode()
    assert "from_legacy_rule" in outcome.after.decode()


def breaking(monkeypatch: pytest.MonkeyPatch, name: str, *methods: str) -> None:
    """Every rule of this name gets a text that no parser takes."""
    for method in methods:
        original = getattr(DefinitionRewriter, method)

        def broken(self: Any, rule: Any, *args: Any, original: Any = original) -> Any:
            found = original(self, rule, *args)
            if rule.name == name:
                self.edits.add_after(rule.node, "((")
            return found

        monkeypatch.setattr(DefinitionRewriter, method, broken)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        pytest.param(["rewrite"], {"f": {"RM103"}}, id="rewritten"),
        pytest.param(["rewrite", "bridge"], {"f": {"RM206"}}, id="rewritten and bridged"),
    ],
)
def test_a_rule_that_does_not_pass_the_gate_settles_for_less(
    methods: list[str], expected: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, "f", *methods)
    rule = "\n\n@adjoint\ndef {0}(x):\n    return x, lambda d: (d,)\n"
    names = ("h", "f", "i", "j")
    outcome = converted("from zygote_rules import adjoint" + "".join(map(rule.format, names)))
    assert codes(outcome) == expected
    assert len(outcome.converted) + len(outcome.left) == 5


def test_a_call_that_does_not_pass_the_gate_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    use = OutsideRewriter.use

    def broken(self: Any, node: Any, meaning: str) -> None:
        use(self, node, meaning)
        if meaning == "dropgrad":
            self.edits.wrap(node, "{} if")

    monkeypatch.setattr(OutsideRewriter, "use", broken)
    outcome = converted("from zygote_rules import adjoint, dropgrad\ndropgrad(1)\n")
    assert codes(outcome) == {"": {"RM108"}}
