"""A source file is cut by position and put together again byte for byte."""

from __future__ import annotations

import ast
import codecs
import io
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.syntax.source import Replacement, SourceError, read_source

ENDS = ["\n", "\r\n", "\r"]


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int]:
    """A file with any line ends, with or without a byte-order mark; and how many lines it has."""
    count = draw(st.integers(0, 6))
    text = ""
    for number in range(count):
        text += f"v{number} = {draw(st.sampled_from(['1', repr('é€😀'), '(1, 2)', repr('a')]))}"
        text += draw(st.sampled_from(["", "  # é", "  # plain"]))
        if number < count - 1 or draw(st.booleans()):
            text += draw(st.sampled_from(ENDS))
    bom = codecs.BOM_UTF8 if draw(st.booleans()) else b""
    return bom + text.encode(), count


@given(files())
def test_nothing_replaced_is_every_byte_as_before(file: tuple[bytes, int]) -> None:
    data, _ = file
    assert read_source(data).spliced([]) == data


@given(files(), st.data())
def test_replacing_the_values_leaves_the_rest(file: tuple[bytes, int], data: st.DataObject) -> None:
    raw, count = file
    source = read_source(raw)
    chosen = [s for s in source.tree.body if data.draw(st.booleans())]
    edits = []
    for statement in chosen:
        assert isinstance(statement, ast.Assign)
        edits.append(Replacement(*source.span(statement.value), "0"))
    result = source.spliced(edits)
    # the same by lines of bytes, in the simplest way
    bom = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    expected = raw[len(bom) :].decode()
    for number, statement in enumerate(source.tree.body):
        if statement in chosen:
            old = source.segment(statement.value)
            expected = expected.replace(f"v{number} = {old}", f"v{number} = 0", 1)
    assert result == bom + expected.encode()
    assert len(read_source(result).tree.body) == count


@pytest.mark.parametrize("end", [pytest.param(e, id=repr(e)) for e in ENDS])
def test_new_lines_take_the_line_end_of_the_file(end: str) -> None:
    source = read_source(f"a = 1{end}b = 2{end}c = 3{end}".encode())
    start, stop = source.span(source.tree.body[1])
    assert (
        source.spliced([Replacement(start, stop, "p\nq")])
        == f"a = 1{end}p{end}q{end}c = 3{end}".encode()
    )


def test_mixed_line_ends_stay_and_the_commonest_is_used_for_new_ones() -> None:
    source = read_source(b"a = 1\r\nb = 2\nc = 3\r\n")
    start, stop = source.span(source.tree.body[2])
    assert source.spliced([Replacement(start, stop, "p\nq")]) == b"a = 1\r\nb = 2\np\r\nq\r\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("f(é, x)", "x", id="two bytes"),
        pytest.param("f('€😀', x)", "x", id="three and four bytes"),
        pytest.param("f(a, x)", "x", id="ascii"),
        pytest.param("\f\nf(é, x)", "x", id="after a form feed"),
    ],
)
def test_columns_count_utf8_bytes(text: str, expected: str) -> None:
    source = read_source(text.encode())
    call = source.tree.body[0]
    assert isinstance(call, ast.Expr) and isinstance(call.value, ast.Call)
    assert source.segment(call.value.args[1]) == expected


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(b"# coding: latin-1\ns = '\xe9'\n", "iso-8859-1", id="latin-1"),
        pytest.param(
            b"#!/bin/python\n# -*- coding: cp1252 -*-\ns = '\x80'\n", "cp1252", id="second line"
        ),
        pytest.param(codecs.BOM_UTF8 + "s = 'é'\n".encode(), "utf-8", id="byte-order mark"),
        pytest.param("s = 'é'".encode(), "utf-8", id="no final newline"),
    ],
)
def test_encodings_survive(data: bytes, encoding: str) -> None:
    source = read_source(data)
    assert source.encoding == encoding
    assert source.spliced([]) == data
    last = source.tree.body[-1]
    assert isinstance(last, ast.Assign)
    start, _ = source.span(last)
    assert source.spliced([Replacement(start, start, "t = ")]) == data.replace(b"s = ", b"t = s = ")


def test_new_text_must_fit_the_encoding() -> None:
    source = read_source(b"# coding: latin-1\nx = 1\n")
    with pytest.raises(UnicodeEncodeError):
        source.spliced([Replacement(0, 0, "# €\n")])


@pytest.mark.parametrize(
    ("data", "part", "line"),
    [
        pytest.param(b"x = (\n", "not Python", None, id="unclosed bracket"),
        pytest.param(b"print 1\n", "not Python", 1, id="Python 2"),
        pytest.param(b"x = 1\ns = '\xff'\n", "utf-8", 2, id="no utf-8"),
        pytest.param(b"# coding: nonsense\n", "encoding", None, id="unknown encoding"),
        pytest.param(b"x = 1\0\n", "", None, id="null byte"),
        pytest.param("x = 1\n".encode("utf-16"), "", None, id="utf-16"),
        pytest.param(b"x = " + b"(" * 5000 + b")" * 5000, "", None, id="too deep"),
    ],
)
def test_what_python_refuses_is_a_source_error(data: bytes, part: str, line: int | None) -> None:
    with pytest.raises(SourceError) as caught:
        read_source(data)
    assert part in caught.value.reason
    assert caught.value.remedy
    if line is not None:
        assert caught.value.line == line


def test_comments_with_their_places() -> None:
    source = read_source("é = 1  # one\n'# no'\n# two\n".encode())
    assert [(source.text[at : at + len(text)], text) for at, text in source.comments] == [
        ("# one", "# one"),
        ("# two", "# two"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "indent"),
    [
        pytest.param("if x:\n    y\n", 2, "    ", id="spaces"),
        pytest.param("if x:\n\ty\n", 2, "\t", id="tab"),
        pytest.param("y\n", 1, "", id="none"),
        pytest.param("if x:\n \t y\n", 2, " \t ", id="mixed"),
    ],
)
def test_indentation(text: str, line: int, indent: str) -> None:
    assert read_source(text.encode()).indentation(line) == indent


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = ['(', \"]\", '''}'{''', \"\"\"#\"\"\"]  # )\n", id="quotes"),
        pytest.param(
            "x = r'\\\\', b'\\\\', 'a\\\nb', '''\\' ''', ('\\'')  # '\n", id="backslashes"
        ),
        pytest.param("x = f'{y}(', rf\"{y['#']}\", fr'\\{y}', (u'', Rb\"\")  # f\n", id="prefixes"),
        pytest.param("if\"a\"in'b':x = (not\"\", 1if x else'')\n", id="no spaces"),
        pytest.param("x = ''\"\"'\"'  # '''\n\f\ny = \\\n  (1)\n", id="side by side"),
        pytest.param("é = (ª := 1), {℘: 1.5e-3}  # ü\n", id="letters"),
    ],
)
def test_comments_are_those_of_tokenize(text: str) -> None:
    source = read_source(text.encode())
    tokens = [
        (source.offset(t.start[0], 0) + t.start[1], t.string)
        for t in tokenize.generate_tokens(io.StringIO(text).readline)
        if t.type == tokenize.COMMENT
    ]
    assert source.comments == tokens
