"""The byte test finds a word wherever `in` does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migrate.dialects import signs
from migrate.scan import _found_by_letter, names_one

WORDS = [(b"adjoint", b"j", 2), (b"zygote", b"z", 0), (b"topaz", b"z", 4)]


@given(
    st.sampled_from(WORDS),
    st.lists(
        st.sampled_from(
            [b"z", b"j", b"zy", b"ad", b"adj", b"adjoint", b"zygote", b"topaz", b"oint", b" "]
        )
    ),
)
def test_by_letter_as_by_word(word: tuple[bytes, bytes, int], pieces: list[bytes]) -> None:
    source = b"".join(pieces)
    assert _found_by_letter(source, *word) == (word[0] in source)


def test_names_of_modules() -> None:
    languages = signs(("zygote",), ("my.pkg.compat", "jz"))
    for text in (
        b"import zygote_rules",
        b"rules_runtime",
        b"from .compat import x",
        b"compat",
        b"x jz",
        b"jz",
    ):
        assert names_one(text, languages), text
    for text in (b"", b"zygot", b"import rules", b"j", b"z", b"my.pkg"):
        assert not names_one(text, languages), text
