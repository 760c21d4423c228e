"""Edits are collected in any order and applied once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.syntax.edits import Edits, Overlap

TEXT = "0123456789"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda e: None, TEXT, id="nothing"),
        pytest.param(lambda e: e.replace(2, 5, "ab"), "01ab56789", id="replacement"),
        pytest.param(
            lambda e: e.replace(3, 3, "ab"), "012ab3456789", id="empty replacement inserts"
        ),
        pytest.param(
            lambda e: (e.replace(2, 5, "a"), e.replace(2, 5, "a")), "01a56789", id="twice the same"
        ),
        pytest.param(
            lambda e: (e.insert(3, "a"), e.insert(3, "b")), "012ab3456789", id="inserts in order"
        ),
        pytest.param(lambda e: e.wrap((2, 5), "<", ">"), "01<234>56789", id="wrap"),
        pytest.param(
            lambda e: (e.wrap((2, 5), "<", ">"), e.wrap((2, 8), "[", "]")),
            "01[<234>567]89",
            id="larger wrap outside",
        ),
        pytest.param(
            lambda e: (e.wrap((2, 8), "[", "]"), e.wrap((2, 5), "<", ">")),
            "01[<234>567]89",
            id="in any order",
        ),
        pytest.param(
            lambda e: (e.wrap((2, 8), "[", "]"), e.wrap((5, 8), "<", ">")),
            "01[234<567>]89",
            id="sharing an end",
        ),
        pytest.param(
            lambda e: (e.wrap((2, 5), "<", ">"), e.wrap((2, 5), "[", "]")),
            "01[<234>]56789",
            id="later one outside",
        ),
        pytest.param(
            lambda e: (e.wrap((2, 5), "<", ">"), e.wrap((5, 8), "[", "]")),
            "01<234>[567]89",
            id="side by side",
        ),
        pytest.param(
            lambda e: (e.replace(2, 5, "ab"), e.wrap((2, 5), "<", ">")),
            "01<ab>56789",
            id="wrap and replacement",
        ),
        pytest.param(
            lambda e: (e.replace(3, 4, "x"), e.replace(2, 6, "ab")),
            "01ab6789",
            id="what is inside a replacement goes",
        ),
        pytest.param(
            lambda e: (e.wrap((3, 4), "<", ">"), e.replace(2, 6, "ab")),
            "01ab6789",
            id="wraps inside go too",
        ),
        pytest.param(
            lambda e: (e.replace(0, 2, "a"), e.replace(8, 10, "b")), "a234567b", id="both ends"
        ),
    ],
)
def test_applied(make: object, expected: str) -> None:
    edits = Edits()
    make(edits)  # type: ignore[operator]
    assert edits.apply(TEXT) == expected
    assert bool(edits) == (expected != TEXT)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((2, 5, "a"), (2, 5, "b"), id="same range"),
        pytest.param((2, 5, "a"), (4, 7, "b"), id="half over"),
    ],
)
def test_two_claims_on_one_text_are_refused(
    first: tuple[int, int, str], second: tuple[int, int, str]
) -> None:
    edits = Edits()
    edits.replace(*first)

    def second_claim() -> None:
        edits.replace(*second)
        edits.resolved()

    with pytest.raises(Overlap):
        second_claim()


def test_a_snapshot_is_something_to_go_back_to() -> None:
    edits = Edits()
    edits.replace(0, 1, "a")
    saved = edits.snapshot()
    edits.replace(2, 3, "b")
    edits.wrap((4, 5), "<", ">")
    edits.restore(saved)
    assert edits.apply(TEXT) == "a123456789"
    edits.insert(1, "x")  # and the saved one has not grown with it
    edits.restore(saved)
    assert edits.apply(TEXT) == "a123456789"


def test_merging_is_adding_one_after_the_other() -> None:
    one, two = Edits(), Edits()
    one.wrap((2, 5), "<", ">")
    two.wrap((2, 5), "[", "]")
    two.replace(7, 8, "x")
    one.merge(two)
    assert one.apply(TEXT) == "01[<234>]56x89"


def test_apply_takes_a_part_of_the_text() -> None:
    edits = Edits()
    edits.replace(1, 2, "a")
    edits.replace(4, 5, "b")
    edits.replace(8, 9, "c")
    assert edits.apply(TEXT, 3, 7) == "3b56"


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)).map(sorted), max_size=5))
def test_nested_wraps_against_a_naive_model(spans: list[list[int]]) -> None:
    """Brackets around ranges that nest come out balanced, each around its own text."""
    kept: list[tuple[int, int]] = []
    for start, end in spans:
        apart = all(
            e <= start or end <= s or (s <= start and end <= e) or (start <= s and e <= end)
            for s, e in kept
        )
        if start < end and apart:
            kept.append((start, end))
    edits = Edits()
    for number, span in enumerate(kept):
        edits.wrap((span[0], span[1]), f"<{chr(97 + number)}", f"{chr(97 + number)}>")
    result = edits.apply(TEXT)
    stack: list[str] = []
    position = 0
    at = 0
    while at < len(result):
        if result[at] == "<":
            stack.append(result[at + 1])
            assert kept[ord(result[at + 1]) - 97][0] == position
            at += 2
        elif result[at].isalpha():
            assert stack.pop() == result[at]
            assert kept[ord(result[at]) - 97][1] == position
            at += 2
        else:
            position += 1
            at += 1
    assert not stack


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 3), st.text("ab", max_size=3)), max_size=4
    ),
    st.randoms(),
)
def test_replacements_that_are_apart_against_a_naive_model(
    items: list[tuple[int, int, str]], random: object
) -> None:
    kept: list[tuple[int, int, str]] = []
    for start, length, text in sorted(items):
        end = min(start + length, len(TEXT))
        if start < end and (not kept or kept[-1][1] <= start):
            kept.append((start, end, text))
    edits = Edits()
    shuffled = list(kept)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for item in shuffled:
        edits.replace(*item)
    expected = TEXT
    for start, end, text in reversed(kept):
        expected = expected[:start] + text + expected[end:]
    assert edits.apply(TEXT) == expected
