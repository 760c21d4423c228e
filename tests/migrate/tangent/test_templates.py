"""What Tangent's templates become, as text, and which are left, and why."""

from __future__ import annotations

import textwrap

import pytest

from migrate.model import FileConverted, FileUnchanged
from migrate.options import Options
from tests.support.converting import converted, outcome_of, text_of

HEAD = "from tangent.grads import adjoint\nimport numpy as np, tangent\n"


def rule(template: str) -> str:
    """The rule that a template becomes."""
    head = "from tangent.grads import adjoint\nimport numpy as np\n"
    return converted(head + text_of(template)).partition("import numpy as np\n")[2]


def reason(template: str, head: str = HEAD) -> str:
    """Why a template is left, as it is."""
    outcome = outcome_of(head + text_of(template))
    assert isinstance(outcome, FileUnchanged)
    (left,) = outcome.left
    assert left.code == "RM206"
    return left.reason


def test_one_entry() -> None:
    assert rule(
        """
        @adjoint(np.cbrt)
        def cbrt(y, x):
          d[x] = d[y] / (3 * y * y)
        """
    ) == text_of(
        """
        @rrule.register(np.cbrt)
        def rrule_cbrt(_, x):
          y = np.cbrt(x)
          def cbrt_pullback(dy):
            return NoTangent(), dy / (3 * y * y)
          return y, cbrt_pullback
        """
    )


def test_several_entries_wait() -> None:
    """In whatever order they are written; comments stay with their entry."""
    assert rule(
        """
        # above
        @adjoint(np.multiply)  # why
        def times(z, x, y):
            # of the second
            d[y] = tangent.unbroadcast(d[z] * x, y)

            d[x] = tangent.unbroadcast(d[z] * y, x)  # of the first
            # after
        """
    ) == text_of(
        """
        # above
        @rrule.register(np.multiply)
        def rrule_times(_, x, y):
            z = np.multiply(x, y)
            def times_pullback(dz):
                return (
                    NoTangent(),
                    Thunk(lambda: UnbroadcastTo(x)(dz * y)),  # of the first
                    # why
                    # of the second
                    Thunk(lambda: UnbroadcastTo(y)(dz * x)),
                )
            return z, times_pullback
            # after
        """
    )


def test_temporaries_and_branches() -> None:
    """Statements move as they are; what a branch writes starts as a zero."""
    assert rule(
        '''
        @adjoint(np.power)
        def power(z, x, y):
          """Of real numbers."""
          # shared
          p = x ** (y -
                    1)  # beside
          if np.all(x > 0):
              text = """
         as it is
        """
              d[y] = d[z] * z * np.log(x)

          d[x] = d[z] * y * p  # last
        '''
    ) == text_of(
        '''
        @rrule.register(np.power)
        def rrule_power(_, x, y):
          """Of real numbers."""
          z = np.power(x, y)
          def power_pullback(dz):
            dy = ZeroTangent()
            # shared
            p = x ** (y -
                      1)  # beside
            if np.all(x > 0):
                text = """
         as it is
        """
                dy = dz * z * np.log(x)

            dx = dz * y * p  # last
            return NoTangent(), dx, dy
          return z, power_pullback
        '''
    )


def test_one_entry_behind_temporaries() -> None:
    assert "    c = np.cos(x)\n    return NoTangent(), dy / (c * c)\n" in rule(
        """
        @adjoint(np.tan)
        def tan(y, x):
          c = np.cos(x)
          d[x] = d[y] / (c * c)
        """
    )


def test_a_name_that_is_bound_within_an_expression() -> None:
    """A `Thunk` would not know it."""
    assert "    dx = (w := 2 * dz) + y\n    dy = w\n    return NoTangent(), dx, dy\n" in rule(
        """
        @adjoint(np.add)
        def add(z, x, y):
          d[x] = (w := 2 * d[z]) + y
          d[y] = w
        """
    )


def test_statements_on_one_line() -> None:
    assert rule("@adjoint(np.exp)\ndef e(y, x): w = y; d[x] = d[y] * w  # beside\n") == text_of(
        """
        @rrule.register(np.exp)
        def rrule_e(_, x):
            y = np.exp(x)
            def e_pullback(dy):
                w = y; dx = dy * w  # beside
                return NoTangent(), dx
            return y, e_pullback
        """
    )


def test_defaults_go_by_keyword_and_what_is_never_written_has_no_tangent() -> None:
    assert rule(
        """
        @adjoint(np.sum)
        def sum(y, x, axis=None, *, keepdims=False):
          d[x] = tangent.astype(tangent.unreduce(d[y], np.shape(x), axis, keepdims), x)
        """
    ) == text_of(
        """
        @rrule.register(np.sum)
        def rrule_sum(_, x, axis=None, *, keepdims=False):
          y = np.sum(x, axis=axis, keepdims=keepdims)
          def sum_pullback(dy):
            return NoTangent(), ProjectTo(x)(unreduce(dy, np.shape(x), axis, keepdims)), NoTangent()
          return y, sum_pullback
        """
    )


def test_the_rest_of_the_arguments() -> None:
    assert rule(
        """
        @adjoint(np.broadcast_arrays)
        def spread(ys, *xs):
          d[xs] = [tangent.unbroadcast(dy, x) for x, dy in zip(xs, d[ys])]

        @adjoint(np.block)
        def block(y, x, *rest):
          d[x] = d[y][0]
        """
    ) == text_of(
        """
        @rrule.register(np.broadcast_arrays)
        def rrule_spread(_, *xs):
          ys = np.broadcast_arrays(*xs)
          def spread_pullback(dys):
            dys = filled(dys, ys)
            dxs = [UnbroadcastTo(x)(dy) for x, dy in zip(xs, dys)]
            return NoTangent(), *dxs
          return ys, spread_pullback

        @rrule.register(np.block)
        def rrule_block(_, x, *rest):
          y = np.block(x, *rest)
          def block_pullback(dy):
            dy = filled(dy, y)
            return NoTangent(), dy[0], *[NoTangent()] * len(rest)
          return y, block_pullback
        """
    )


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("tangent.astype(d[y], x) / 2", "np.asarray(dy, np.result_type(x)) / 2"),
        ("tangent.astype(d[y], x)", "ProjectTo(x)(dy)"),
        ("tangent.array_size(x, None) * d[y]", "max(np.size(x), 1) * dy"),
        ("d[y] * tangent.balanced_eq(x, y, k)", "dy * ((x == y) / (1.0 + (x == k)))"),
        ("tangent.unreduce(d[y], np.shape(x), k, True)", "unreduce(dy, np.shape(x), k, True)"),
        ("None", "ZeroTangent()"),
    ],
)
def test_helpers(written: str, becomes: str) -> None:
    """`astype` is a projection only where it is all of an entry: of a count it is a cast."""
    text = rule(f"@adjoint(np.roll)\ndef roll(y, x, k):\n  d[x] = {written}\n")
    assert f"return NoTangent(), {becomes}, NoTangent()\n" in text


def test_names_that_are_taken() -> None:
    """The output's name is free, another parameter may be `y`, and a template may use `dy`."""
    assert rule(
        """
        @adjoint(np.fmax)
        def fmax(_, x, y):
          dx = d[_] * (x >= y)
          d[x] = dx
          d[y] = d[_] - dx
        """
    ) == text_of(
        """
        @rrule.register(np.fmax)
        def rrule_fmax(_, x, y):
          def fmax_pullback(dy):
            dx = dy * (x >= y)
            dx_ = dx
            dy_ = dy - dx
            return NoTangent(), dx_, dy_
          return np.fmax(x, y), fmax_pullback
        """
    )


def test_a_parameter_that_gets_another_value() -> None:
    """It is read before it is written: in the pullback it has another name."""
    assert rule(
        """
        @adjoint(np.square)
        def square(y, x):
          x = np.asarray(x)
          d[x] = 2 * x * d[y]
        """
    ) == text_of(
        """
        @rrule.register(np.square)
        def rrule_square(_, x):
          y = np.square(x)
          def square_pullback(dy):
            x_ = x
            x_ = np.asarray(x_)
            return NoTangent(), 2 * x_ * dy
          return y, square_pullback
        """
    )


def test_a_loop_registers_for_what_it_goes_through() -> None:
    text = rule(
        """
        def register(rules):
            for f, slope in rules:
                @adjoint(f)
                def template(y, x):
                    d[x] = d[y] * slope(x)
        """
    )
    assert "def rrule_template(callee, x):\n            y = callee(x)\n" in text


def test_the_name_of_a_template_hides_no_builtin_any_more() -> None:
    text = rule(
        """
        @adjoint(sum)
        def sum(y, xs):
          d[xs] = [d[y]] * len(xs)
        """
    )
    assert "def rrule_sum(_, xs):\n  y = sum(xs)\n" in text


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("from tangent.grads import adjoint as rule_of", "rule_of"),
        ("import tangent.grads", "tangent.grads.adjoint"),
        ("import tangent.grads as tg", "tg.adjoint"),
        ("from tangent import grads", "grads.adjoint"),
        ("from tangent import grads as g", "g.adjoint"),
        ("from tangent.grads import *", "adjoint"),
        ("try:\n    from tangent.grads import adjoint\nexcept ImportError:\n    raise", "adjoint"),
    ],
)
def test_every_style_of_import(imports: str, name: str) -> None:
    text = converted(
        f"{imports}\nimport numpy\n@{name}(numpy.exp)\ndef e(y, x):\n  d[x] = d[y] * y\n"
    )
    assert "@rrule.register(numpy.exp)\ndef rrule_e(_, x):" in text
    assert "adjoint" not in text


@pytest.mark.parametrize(
    ("imports", "becomes", "call"),
    [
        ("import gast", "import operator", "operator.mul"),
        ("import gast, os", "import operator\nimport gast, os", "operator.mul"),
        ("import operator as op\nimport gast", "import operator as op\nimport gast", "op.mul"),
        (
            "import gast\noperator = 1",
            "import operator as operator_2\noperator = 1",
            "operator_2.mul",
        ),
    ],
)
def test_nodes_of_syntax_are_operators(imports: str, becomes: str, call: str) -> None:
    """A template on a node that stands for an operator is a rule of the function for it."""
    head = f"from tangent.grads import adjoint\n{imports}\nprint(1)\n"
    text = converted(
        f"{head}@adjoint(gast.Mult)\ndef m(z, x, y):\n  d[x] = d[z] * y\n  d[y] = d[z] * x\n"
    )
    assert f"{becomes}\nprint(1)\n@rrule.register({call})\n" in text
    assert f"  z = {call}(x, y)\n" in text


LEFT = {
    "def f(y, x):\n  return d[y]": "a template that returns is none",
    "def f(y, x):\n  pass": "it writes no `d[...]`",
    "def f(y, *xs):\n  for x in xs:\n    d[x] = d[y]": "it writes `d[x]`, which is no parameter",
    "def f(y, x):\n  d[y] = d[x]": "which is no parameter",
    "def f(y, x):\n  d[0] = d[y]": "`d[0]` is no gradient of a parameter",
    "def f(y, x):\n  d[x] += d[y]": "it writes `d[x]` in another way",
    "def f(y, x):\n  d[x][0] = d[y]": "it writes no `d[...]`",
    "def f(y, x, z):\n  d[z] = 1\n  d[x][0] = d[y]": "it reads `d[x]` before it is written",
    "def f(y, x):\n  g = d[x]\n  d[x] = d[y]": "it reads `d[x]` before it is written",
    "def f(y, x):\n  d.update(x=1)": "it uses `d` in another way",
    "def f(y, x):\n  def g():\n    d[x] = d[y]\n  g()": "a function inside of it writes",
    "def f(y, x):\n  global k\n  d[x] = d[y]": "a template that has global",
    "def f(y, x):\n  d[x] = yield d[y]": "a template that has yield",
    "def f(y, x, **more):\n  d[x] = d[y]": "`**` in the parameters",
    "def f(y, *, x):\n  d[x] = d[y]": "what is passed by name only",
    "def f():\n  d[x] = d[y]": "it has no parameter for the output",
    "def f(y=1, x=2):\n  d[x] = d[y]": "the output has a default",
    "def f(y, x):\n  import os as x\n  d[x] = d[y]": "it gives `x` another meaning",
    "def f(y, x):\n  d[x] = d[y]\nprint(f)": "`f` is used at another place (line 6)",
    "def f(y, x):\n  d[x] = d[y]\n__all__ = ['f']": "`f` is handed on to other files",
    "def f(y, x):\n  'doc'; d[x] = d[y]": "statements stand on the line of its docstring",
    "async def f(y, x):\n  d[x] = d[y]": "a coroutine is no template",
    "@adjoint(np.sin)\ndef f(y, x):\n  d[x] = d[y]": "it is registered for several functions",
}


@pytest.mark.parametrize("template", LEFT)
def test_what_is_left(template: str) -> None:
    assert LEFT[template] in reason(f"@adjoint(np.exp)\n{template}\n")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("gast.For", "a template on syntax nodes (`For`)"),
        ("gast.FunctionDef", "a template on syntax nodes (`FunctionDef`)"),
        ("tangent.push", "`push` keeps Tangent's own stack"),
        ("tangent.pop_stack", "`pop_stack` keeps Tangent's own stack"),
        ("tracing.Traceable", "tracing is Tangent's own"),
    ],
)
def test_what_is_no_function(target: str, why: str) -> None:
    head = HEAD + "import gast\nfrom tangent import tracing\n"
    assert why in reason(f"@adjoint({target})\ndef f(y, x):\n  d[x] = d[y]\n", head)


def test_other_templates_are_left() -> None:
    head = "from tangent.grads import adjoint, primal\nfrom tangent.tangents import tangent_\n"
    outcome = outcome_of(
        head + "@primal(f)\ndef p(y, x):\n  y = x\n@tangent_(f)\ndef t(y, x):\n  d[y] = d[x]\n"
        "class K:\n  @adjoint(f)\n  def m(y, x):\n    d[x] = d[y]\nadjoint(f)(g)\n"
    )
    assert isinstance(outcome, FileUnchanged)
    assert [(left.name, left.reason) for left in outcome.left] == [
        ("p", "`@primal` is no reverse rule"),
        ("t", "`@tangent_` is no reverse rule"),
        ("m", "it stands in a class"),
        ("f", "it is registered by a call and not by a decorator"),
    ]


def test_what_only_looks_like_it() -> None:
    """An `adjoint` of another module, a module of the same name without templates, text."""
    for text in (
        "from mine import adjoint\n@adjoint(f)\ndef g(y, x):\n  d[x] = d[y]\n",
        "from tangent import adjoint\n@adjoint(f)\ndef g(x):\n  return x\n",
        "import tangent\n# adjoint: d[x] = d[y]\n",
        "import tangent\nTEXT = '@adjoint(f)'\n",
        "def adjoint(f):\n  return f\nimport tangent\n@adjoint(f)\ndef g(y, x):\n  d[x] = d[y]\n",
    ):
        outcome = outcome_of(text)
        assert isinstance(outcome, FileUnchanged)
        assert not outcome.left


def test_the_imports_decide_between_two_languages() -> None:
    """`adjoint` is a word of Zygote's, too: both in one file."""
    text = converted(
        """
        import zygote_rules as zr
        import numpy as np
        from tangent.grads import adjoint

        @zr.adjoint(np.sin)
        def sine(x):
            return np.sin(x), lambda dy: (dy * np.cos(x),)

        @adjoint(np.cos)
        def cosine(y, x):
            d[x] = -d[y] * np.sin(x)
        """
    )
    assert "return np.sin(x), lambda dy: (NoTangent(), dy * np.cos(x))" in text
    assert "        return NoTangent(), -dy * np.sin(x)\n" in text


@pytest.mark.parametrize("dialects", [(), ("tangent",), ("tangent", "zygote")])
def test_a_legacy_module_that_is_tangents(dialects: tuple[str, ...]) -> None:
    """Who calls it a legacy module does not make it Zygote's."""
    text = HEAD + "@adjoint(np.exp)\ndef e(y, x):\n  d[x] = d[y] * y\n"
    options = Options(dialects=dialects, legacy_modules=("tangent.grads",))
    assert "return NoTangent(), dy * y" in converted(text, options)


def test_a_module_of_the_users_own_where_no_other_language_is_meant() -> None:
    text = "from mine.grads import adjoint\n@adjoint(f)\ndef e(y, x):\n  d[x] = d[y] * y\n"
    options = Options(dialects=("tangent",), legacy_modules=("mine.grads",))
    assert "return NoTangent(), dy * y" in converted(text, options)


def test_a_module_nearby_hands_the_word_on() -> None:
    text = "from .compat import adjoint\n@adjoint(f)\ndef e(y, x):\n  d[x] = d[y] * y\n"
    handing_on = {"compat": b"from tangent.grads import adjoint\n"}
    new = converted(text, modules=lambda level, name: handing_on.get(name))
    assert "return NoTangent(), dy * y" in new
    handing_on["compat"] = b"from zygote_rules import adjoint\n"
    outcome = outcome_of(text, modules=lambda level, name: handing_on.get(name))
    assert isinstance(outcome, FileUnchanged)
    assert "d[...]" not in outcome.left[0].reason


def test_tangents_own_module() -> None:
    """It makes the decorators that it uses."""
    text = converted(
        """
        import numpy
        import tangent

        adjoints = {}

        def create_register(table):
            def register(key):
                def add(f):
                    table[key] = f
                    return f
                return add
            return register

        adjoint = create_register(adjoints)

        @adjoint(numpy.sqrt)
        def sqrt(y, x):
            d[x] = d[y] / tangent.unreduce_like(y, x, None, True)
        """
    )
    assert "return NoTangent(), dy / tangent.unreduce_like(y, x, None, True)" in text
    assert "adjoint = create_register(adjoints)" in text


def test_helpers_that_stay_are_told() -> None:
    outcome = outcome_of(
        f"{HEAD}@adjoint(np.dot)\ndef dot(z, x, y):\n  d[x] = tangent.unreduce_like(d[z], x, None, False)\n"
    )
    assert isinstance(outcome, FileConverted)
    ((note,),) = (rule.notes for rule in outcome.converted)
    assert (note.code, note.line) == ("RM110", 5)
    assert "tangent.unreduce_like" in note.message
    assert "import numpy as np, tangent" in outcome.after.decode()


def test_no_byte_changes_around_it() -> None:
    """Line ends, tabs and what stands around stay."""
    head = HEAD.replace("\n", "\r\n")
    text = textwrap.dedent(
        """\
        @adjoint(np.exp)
        def e(y, x):
        \td[x] = d[y] * y
        x = ( 1,2 )
        """
    ).replace("\n", "\r\n")
    outcome = outcome_of(head + text)
    assert isinstance(outcome, FileConverted)
    assert outcome.after.decode().endswith(
        "@rrule.register(np.exp)\r\ndef rrule_e(_, x):\r\n\ty = np.exp(x)\r\n\tdef e_pullback(dy):\r\n"
        "\t\treturn NoTangent(), dy * y\r\n\treturn y, e_pullback\r\nx = ( 1,2 )\r\n"
    )
